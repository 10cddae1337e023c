#pragma once

#include <adapipe/sink.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "io/posix.hpp"

namespace adapipe::inline v0_1 {

/// A file `.NAME.XXXXXX.partial` beside its target, which becomes the target in one step or
/// vanishes. The folder is held open, so that the working directory may change meanwhile.
class PartialFile {
 public:
  /// `name` is the target as the caller knows it, for messages. Throws Error(io_error).
  PartialFile(const std::filesystem::path& target, const FileSinkOptions& options,
              std::string name);
  ~PartialFile() { remove(); }
  PartialFile(const PartialFile&) = delete;

  int descriptor() const noexcept { return file_.get(); }

  /// What was written, and its name, survive a crash of the machine. Throws Error(io_error).
  void sync();

  /// Makes it the target, for good if `durable`. Throws Error(already_exists) if there is a target
  /// that must not be overwritten, else Error(io_error); the destructor then removes it, unless
  /// only the last step, making the folder's entry durable, has failed.
  ///
  /// With `replaced`: only in the place of that version of the target, else Error(io_error). What
  /// somebody puts there between this check and the rename, two system calls in a row, is replaced.
  void publish(const std::optional<FileVersion>& replaced = {});

  /// Removes it, if it was not published.
  void remove() noexcept;

 private:
  void create();
  void rename();
  void rename_to_new_name();
  void check_target_is(const FileVersion& expected) const;

  FileSinkOptions options_;
  std::string name_;
  std::string target_;   ///< within folder_, as is partial_
  std::string partial_;  ///< empty when there is nothing to remove
  Descriptor folder_;
  Descriptor file_;
};

Error target_exists(const std::string& name);
/// Since it was opened as the input.
Error target_changed(const std::string& name);

}  // namespace adapipe::inline v0_1
