#pragma once

#include <CLI/CLI.hpp>

#include "options.hpp"

namespace tool {

/// Each tells CLI11 the options of one command; what is parsed goes into `options`.
void describe_process(CLI::App& app, Options& options);
void describe_restore(CLI::App& app, Options& options);
void describe_verify(CLI::App& app, Options& options);
void describe_rekey(CLI::App& app, Options& options);
void describe_cat(CLI::App& app, Options& options);
void describe_info(CLI::App& app, Options& options);
void describe_keygen(CLI::App& app, Options& options);

}  // namespace tool
