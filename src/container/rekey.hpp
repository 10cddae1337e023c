#pragma once

#include <adapipe/keys.hpp>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "container/open.hpp"
#include "util/random.hpp"

namespace adapipe::inline v0_1 {

/// Which key slots leave a container, and which come.
struct SlotChange {
  const ListOf<Recipient>& add;            ///< their slots stand behind those that stay
  const std::vector<std::size_t>& remove;  ///< positions in Header::slots
  bool remove_all = false;                 ///< of the slots that there were
};

/// What stands before the first record of `container` once its slots have changed (FORMAT.md,
/// "Rekeying"); of the same length if there is room. Records and index fit it as they are.
/// `container` is encrypted and was opened with keep_schedule. Wraps keys as create_container()
/// does, but only for a change that can be made: Error(invalid_argument) otherwise.
std::vector<std::byte> rekeyed_head(const OpenedContainer& container, const SlotChange& change,
                                    RandomSource& random, const std::stop_token& stop = {});

}  // namespace adapipe::inline v0_1
