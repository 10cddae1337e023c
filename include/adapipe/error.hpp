#pragma once

#include <adapipe/export.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace adapipe::inline v0_1 {

/// What went wrong, in the terms in which a caller can act on it. Values are stable.
enum class errc {
  invalid_argument = 1,     ///< an option or argument is out of its documented range
  invalid_pipeline = 2,     ///< the chain of stages cannot work; the message names the stage
  not_a_container = 3,      ///< the input starts as no container does, nor a zstd file
  unsupported_version = 4,  ///< written by a newer version, or with a part this build lacks
  unknown_stage = 5,        ///< the container needs a stage that is not in the registry
  corrupt = 6,              ///< bytes were changed, reordered, duplicated or appended
  truncated = 7,            ///< the input ends before the container does
  wrong_key = 8,            ///< no given identity opens the container
  limit_exceeded = 9,       ///< a size or work limit of the caller or the format is exceeded
  already_exists = 10,      ///< the destination exists and overwriting was not asked for
  io_error = 11,            ///< the operating system refused; see Error::cause()
  cancelled = 12,           ///< the caller asked to stop
  resource_exhausted = 13,  ///< memory budget, threads or descriptors do not suffice
  stage_failed = 14,        ///< a stage threw; the message carries its words
};
inline constexpr std::size_t kErrcCount = 14;

/// "invalid_argument", "corrupt", ...: as it stands above.
ADAPIPE_API std::string_view name_of(errc e) noexcept;

/// The category of errc. Codes compare equal to the std::errc conditions where one exists
/// (cancelled = operation_canceled, already_exists = file_exists, io_error = io_error,
/// invalid_argument = invalid_argument).
ADAPIPE_API const std::error_category& error_category() noexcept;
ADAPIPE_API std::error_code make_error_code(errc e) noexcept;

/// The one exception type that adapipe throws, but for a std::bad_alloc where there is no memory to
/// begin an operation with, or to hand out a result. Copying never throws; a copy shares its text.
///
/// what() is one sentence that a person can act on: `FILE: what, chunk N, at byte M, in stage S`.
/// Names of files and of stages stand in it as they are, whatever their bytes: escape them for a
/// terminal. Where it happened is also available piece by piece; a piece that is unknown is empty.
class ADAPIPE_API Error : public std::system_error {
 public:
  /// `message` says what happened, without the position and without a full stop.
  Error(errc code, std::string message);
  Error(const Error&) noexcept = default;
  Error& operator=(const Error&) noexcept = default;
  ~Error() override;

  const char* what() const noexcept override;

  std::string message() const;  ///< what happened, without where and without the cause

  errc kind() const noexcept { return static_cast<errc>(code().value()); }
  std::optional<std::uint64_t> chunk() const noexcept;   ///< index of the chunk, from 0
  std::optional<std::uint64_t> offset() const noexcept;  ///< byte offset in path(), from 0
  std::optional<std::string> stage() const;              ///< id of the stage
  std::optional<std::string> path() const;               ///< file, or the name of the stream
  /// The system's own code (errno) behind io_error and already_exists; empty otherwise.
  std::error_code cause() const noexcept;

  /// Annotations, for those who throw or pass an Error on. The first one wins: the place closest
  /// to the failure knows best. Without memory for it, one is left out. They return *this, for
  /// `throw Error(...).at_chunk(7)`.
  Error& at_chunk(std::uint64_t index);
  Error& at_offset(std::uint64_t offset_bytes);
  Error& in_stage(std::string id);
  Error& in_file(std::string path);
  Error& caused_by(std::error_code cause);

 private:
  struct Detail;
  template <typename Set>
  Error& annotate(Set set);
  std::shared_ptr<const Detail> detail_;
};

}  // namespace adapipe::inline v0_1

template <>
struct std::is_error_code_enum<adapipe::errc> : std::true_type {};
