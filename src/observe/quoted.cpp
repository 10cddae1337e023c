#include "observe/quoted.hpp"

#include <fmt/format.h>

namespace adapipe::inline v0_1 {

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\')
      text += {'\\', c};
    else if (c < 0x20 || c > 0x7e || c == '%')
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      text += c;
  }
  return text + '"';
}

}  // namespace adapipe::inline v0_1
