#pragma once

#include <adapipe/reader.hpp>
#include <stop_token>

#include "options.hpp"

namespace tool {

/// Opens the one input of cat and info with the keys of the command line.
adapipe::Reader open_reader(const Options& options, const std::stop_token& stop);

}  // namespace tool
