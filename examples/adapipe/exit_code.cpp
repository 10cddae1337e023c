#include "exit_code.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <system_error>

#include "signals.hpp"
#include "text.hpp"

namespace tool {
namespace {

/// Errors of open() and its like: the file cannot be had at all, as opposed to a failing device.
bool is_about_opening(const std::error_code& cause) {
  static constexpr std::array kOpening{std::errc::no_such_file_or_directory,
                                       std::errc::permission_denied,
                                       std::errc::operation_not_permitted,
                                       std::errc::not_a_directory,
                                       std::errc::is_a_directory,
                                       std::errc::filename_too_long,
                                       std::errc::too_many_symbolic_link_levels,
                                       std::errc::read_only_file_system,
                                       std::errc::text_file_busy,
                                       std::errc::no_such_device_or_address,
                                       std::errc::no_such_device};
  return std::ranges::any_of(kOpening, [&](std::errc known) { return cause == known; });
}

ExitCode io_exit_code(const std::error_code& cause, Side side) {
  if (!is_about_opening(cause)) return ExitCode::io;
  return side == Side::input ? ExitCode::no_input : ExitCode::cannot_create;
}

}  // namespace

ExitCode exit_code(const adapipe::Error& error, Side side) noexcept {
  using adapipe::errc;
  switch (error.kind()) {
    case errc::invalid_argument:
    case errc::invalid_pipeline:
      return ExitCode::usage;
    case errc::not_a_container:
    case errc::corrupt:
    case errc::truncated:
    case errc::limit_exceeded:
      return ExitCode::bad_data;
    case errc::unsupported_version:
    case errc::unknown_stage:
      return ExitCode::unavailable;
    case errc::wrong_key:
      return ExitCode::wrong_key;
    case errc::already_exists:
      return ExitCode::cannot_create;
    case errc::io_error:
      return io_exit_code(error.cause(), side);
    case errc::resource_exhausted:
      return ExitCode::resources;
    case errc::cancelled:
    case errc::stage_failed:
      break;
  }
  return ExitCode::internal;
}

ExitCode report_failure(const std::string& input) noexcept {
  const std::string place = input.empty() ? input : input + ": ";
  try {
    throw;
  } catch (const Failure& e) {
    print_error(e.what());
    return e.code();
  } catch (const adapipe::Error& e) {
    if (e.cause() == std::errc::broken_pipe) {
      stop_for(SIGPIPE);
      return ExitCode::io;
    }
    print_error(e.path() ? e.what() : place + e.what());
    return exit_code(e, e.path() == input ? Side::input : Side::output);
  } catch (const std::bad_alloc&) {
    print_error(place + "out of memory");
    return ExitCode::resources;
  } catch (const std::exception& e) {
    print_error(place + e.what());
    return ExitCode::internal;
  }
}

}  // namespace tool
