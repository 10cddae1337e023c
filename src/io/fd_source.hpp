#pragma once

#include <adapipe/source.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "io/posix.hpp"
#include "io/waker.hpp"

namespace adapipe::inline v0_1 {

/// A pipe, socket, terminal or other device, read in order. It is polled before each read, so
/// that cancel() ends a wait; O_NONBLOCK of a borrowed descriptor is shared with other processes
/// and stays as it is. A pipe that somebody else reads too may therefore block uncancellably.
class FdSource final : public SourceImpl {
 public:
  FdSource(Descriptor descriptor, const struct stat& status, std::string name);

  std::size_t read(std::span<std::byte> to) override;
  void cancel() noexcept override { waker_.wake(); }
  std::string name() const override { return name_; }
  std::optional<FileId> file_id() const override { return id_; }

 private:
  std::string name_;
  Descriptor descriptor_;
  bool is_socket_;
  std::optional<FileId> id_;
  Waker waker_;
};

}  // namespace adapipe::inline v0_1
