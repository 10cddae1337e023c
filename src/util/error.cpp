#include <adapipe/error.hpp>
#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "adapipe"; }
  std::string message(int value) const override;
  std::error_condition default_error_condition(int value) const noexcept override;
};

std::string Category::message(int value) const {
  switch (static_cast<errc>(value)) {
    case errc::invalid_argument:
      return "invalid argument";
    case errc::invalid_pipeline:
      return "the pipeline cannot work";
    case errc::not_a_container:
      return "not an adapipe container";
    case errc::unsupported_version:
      return "the container is of a newer version or needs a part that this build lacks";
    case errc::unknown_stage:
      return "the container needs a stage that is not registered";
    case errc::corrupt:
      return "the container is damaged";
    case errc::truncated:
      return "the container is cut short";
    case errc::wrong_key:
      return "no given key opens the container";
    case errc::limit_exceeded:
      return "a limit is exceeded";
    case errc::already_exists:
      return "the destination exists";
    case errc::io_error:
      return "input or output failed";
    case errc::cancelled:
      return "cancelled";
    case errc::resource_exhausted:
      return "memory, threads or descriptors do not suffice";
    case errc::stage_failed:
      return "a stage failed";
  }
  return "unknown adapipe error";
}

std::error_condition Category::default_error_condition(int value) const noexcept {
  switch (static_cast<errc>(value)) {
    case errc::cancelled:
      return std::errc::operation_canceled;
    case errc::already_exists:
      return std::errc::file_exists;
    case errc::io_error:
      return std::errc::io_error;
    case errc::invalid_argument:
      return std::errc::invalid_argument;
    default:
      return {value, *this};
  }
}

constexpr std::array<std::string_view, kErrcCount> kNames = {
    "invalid_argument",   "invalid_pipeline", "not_a_container", "unsupported_version",
    "unknown_stage",      "corrupt",          "truncated",       "wrong_key",
    "limit_exceeded",     "already_exists",   "io_error",        "cancelled",
    "resource_exhausted", "stage_failed"};

}  // namespace

std::string_view name_of(errc e) noexcept {
  const auto value = static_cast<std::size_t>(e);
  return value >= 1 && value <= kErrcCount ? kNames[value - 1] : "unknown";
}

const std::error_category& error_category() noexcept {
  static const ForGood<Category> category;
  return *category;
}

std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), error_category()}; }

struct Error::Detail {
  std::string message;
  std::optional<std::uint64_t> chunk{};
  std::optional<std::uint64_t> offset{};
  std::optional<std::string> stage{};
  std::optional<std::string> path{};
  std::error_code cause{};
  std::string what{};

  /// Composed at every annotation, so that Error::what() cannot fail.
  void compose() {
    std::string text = path ? *path + ": " + message : message;
    if (chunk) text += ", chunk " + std::to_string(*chunk);
    if (offset) text += ", at byte " + std::to_string(*offset);
    if (stage) text += ", in stage " + *stage;
    if (cause) text += ": " + cause.message();
    what = std::move(text);
  }
};

Error::Error(errc code, std::string message) : std::system_error(make_error_code(code)) {
  auto detail = std::make_shared<Detail>(Detail{.message = std::move(message)});
  detail->compose();
  detail_ = std::move(detail);
}

Error::~Error() = default;

/// Copies always: whether another thread has just dropped the last other reference cannot be told
/// without a race, and errors are rare. Without memory the error stays as it is: that it happened
/// is worth more than where.
template <typename Set>
Error& Error::annotate(Set set) {
  try {
    auto copy = std::make_shared<Detail>(*detail_);
    set(*copy);
    copy->compose();
    detail_ = std::move(copy);
  } catch (const std::bad_alloc&) {
  }
  return *this;
}

const char* Error::what() const noexcept { return detail_->what.c_str(); }
std::string Error::message() const { return detail_->message; }
std::optional<std::uint64_t> Error::chunk() const noexcept { return detail_->chunk; }
std::optional<std::uint64_t> Error::offset() const noexcept { return detail_->offset; }
std::optional<std::string> Error::stage() const { return detail_->stage; }
std::optional<std::string> Error::path() const { return detail_->path; }
std::error_code Error::cause() const noexcept { return detail_->cause; }

Error& Error::at_chunk(std::uint64_t index) {
  if (detail_->chunk) return *this;
  return annotate([&](Detail& detail) { detail.chunk = index; });
}

Error& Error::at_offset(std::uint64_t offset_bytes) {
  if (detail_->offset) return *this;
  return annotate([&](Detail& detail) { detail.offset = offset_bytes; });
}

Error& Error::in_stage(std::string id) {
  if (detail_->stage) return *this;
  return annotate([&](Detail& detail) { detail.stage = std::move(id); });
}

Error& Error::in_file(std::string path) {
  if (detail_->path) return *this;
  return annotate([&](Detail& detail) { detail.path = std::move(path); });
}

Error& Error::caused_by(std::error_code cause) {
  if (detail_->cause) return *this;
  return annotate([&](Detail& detail) { detail.cause = cause; });
}

}  // namespace adapipe::inline v0_1
