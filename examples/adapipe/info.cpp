#include <fmt/format.h>

#include <adapipe/reader.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "endpoints.hpp"
#include "open_reader.hpp"
#include "text.hpp"

namespace tool {
namespace {

/// FORMAT.md numbers the ways in which a file key can be wrapped.
std::string slot_name(std::uint16_t type) {
  switch (type) {
    case 1:
      return "shared key";
    case 2:
      return "passphrase (scrypt)";
    case 3:
      return "passphrase (PBKDF2)";
    case 4:
      return "passphrase (Argon2id)";
    case 5:
      return "X25519";
    default:
      return type >= 32768 ? "key provider" : fmt::format("type {}", type);
  }
}

std::string hex(const std::vector<std::byte>& bytes) {
  std::string out;
  for (const std::byte b : bytes) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return out;
}

/// Renders each item and joins the results.
template <typename List, typename Render>
std::string join(const List& list, std::string_view separator, Render render) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += separator;
    out += render(item);
  }
  return out;
}

std::string json_number(std::optional<std::uint64_t> number) {
  return number ? std::to_string(*number) : "null";
}

std::string format_name(const adapipe::ContainerInfo& info) {
  return info.is_zstd_file ? "zstd" : "adapipe";
}

std::string as_json(const std::string& name, const adapipe::ContainerInfo& info) {
  const auto stage = [](const adapipe::StageInfo& s) {
    return fmt::format(R"({{"id": {}, "parameters": "{}"}})", json_string(s.id), hex(s.parameters));
  };
  const auto slot = [](std::uint16_t type) {
    return fmt::format(R"({{"type": {}, "name": {}}})", type, json_string(slot_name(type)));
  };
  const auto entry = [](const std::pair<std::string, std::string>& e) {
    return json_string(e.first) + ": " + json_string(e.second);
  };
  const std::vector<std::pair<std::string, std::string>> fields{
      {"file", json_string(name)},
      {"format", json_string(format_name(info))},
      {"authenticated", info.authenticated ? "true" : "false"},
      {"container_bytes", std::to_string(info.container_bytes)},
      {"plain_bytes", json_number(info.plain_bytes)},
      {"chunk_bytes", std::to_string(info.chunk_bytes)},
      {"chunks", json_number(info.chunks)},
      {"stages", "[" + join(info.stages, ", ", stage) + "]"},
      {"cipher", info.cipher.empty() ? "null" : json_string(info.cipher)},
      {"key_slots", "[" + join(info.slot_types, ", ", slot) + "]"},
      {"opened_by_slot",
       json_number(info.opened_slot ? std::optional<std::uint64_t>(*info.opened_slot + 1)
                                    : std::nullopt)},
      {"metadata", "{" + join(info.metadata, ", ", entry) + "}"},
  };
  const auto field = [](const auto& f) { return "  " + json_string(f.first) + ": " + f.second; };
  return "{\n" + join(fields, ",\n", field) + "\n}\n";
}

std::string bytes_text(std::uint64_t bytes) {
  return bytes < 1000 ? format_bytes(bytes)
                      : fmt::format("{} ({} bytes)", format_bytes(bytes), bytes);
}

/// In the units in which --chunk-size is given.
std::string chunk_size_text(std::uint32_t bytes) {
  if (bytes % (1024 * 1024) == 0) return fmt::format("{} MiB", bytes / (1024 * 1024));
  if (bytes % 1024 == 0) return fmt::format("{} KiB", bytes / 1024);
  return fmt::format("{} bytes", bytes);
}

std::string stage_text(const adapipe::StageInfo& stage) {
  return printable(stage.id) + (stage.parameters.empty() ? "" : " " + hex(stage.parameters));
}

/// With the numbers that rekey --remove takes.
std::string numbered_slots(const std::vector<std::uint16_t>& types) {
  std::size_t number = 0;
  return join(types, ", ",
              [&](std::uint16_t type) { return fmt::format("{}: {}", ++number, slot_name(type)); });
}

std::string authenticity_text(const adapipe::ContainerInfo& info) {
  if (info.authenticated) return "yes";
  return info.cipher.empty() ? "no: it is not encrypted, so anyone could have written it"
                             : "no: read without a key, so anyone could have written it";
}

std::string as_text(const std::string& name, const adapipe::ContainerInfo& info) {
  const auto or_none = [](std::string text) { return text.empty() ? "none" : text; };
  std::string out;
  const auto line = [&](std::string_view label, const std::string& value) {
    out += fmt::format("{:<15}{}\n", fmt::format("{}:", label), value);
  };
  line("file", printable(name));
  const std::string unknown =
      info.is_zstd_file ? "not known before it is decoded" : "not known without a key";
  line("format", format_name(info));
  line("container", bytes_text(info.container_bytes));
  line("plain", info.plain_bytes ? bytes_text(*info.plain_bytes) : unknown);
  line(info.is_zstd_file ? "frames" : "chunks",
       info.chunks ? std::to_string(*info.chunks) : unknown);
  if (info.chunk_bytes > 0)
    line(info.is_zstd_file ? "largest frame" : "chunk size", chunk_size_text(info.chunk_bytes));
  line("stages", or_none(join(info.stages, ", ", stage_text)));
  line("cipher", or_none(info.cipher));
  line("key slots", or_none(numbered_slots(info.slot_types)));
  if (info.opened_slot) line("opened by", fmt::format("slot {}", *info.opened_slot + 1));
  for (const auto& [key, value] : info.metadata)
    line("metadata", printable(key) + " = " + printable(value));
  line("authenticated", authenticity_text(info));
  return out;
}

}  // namespace

ExitCode run_info(const Options& options, const std::stop_token& stop) {
  const std::string& input = options.inputs.front();
  try {
    refuse_folder(input);
    const adapipe::ContainerInfo info =
        options.keys.any() ? open_reader(options, stop).info()
                           : adapipe::inspect(open_source(input), options.index_memory_bytes);
    const std::string name = input_name(input);
    print_output(options.json ? as_json(name, info) : as_text(name, info));
  } catch (...) {
    return report_failure(input_name(input));
  }
  return ExitCode::ok;
}

}  // namespace tool
