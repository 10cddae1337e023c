#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "options.hpp"

namespace tool {

/// "-" on the command line.
bool is_stream(const std::string& name);

/// How the input is called in messages, and by the library in Error::path().
std::string input_name(const std::string& input);
std::string output_name(const std::string& output);

/// Whether `input` is a regular file, also as a redirected stdin.
bool is_regular_file(const std::string& input);

/// The path of a file, which need not exist, by whichever name it is called.
std::filesystem::path resolved(const std::string& name);

/// Whether two names are of one file, which need not exist.
bool is_same_file(const std::string& one, const std::string& other);

/// Throws Failure for a folder, which should come through tar.
void refuse_folder(const std::string& input);

adapipe::Source open_source(const std::string& input);

/// A new file gets the permission bits of `input`, if that is a regular file.
adapipe::Sink open_sink(const std::string& output, const std::string& input, bool overwrite);
/// A new file in the place of `input`, as long as that is the file that was opened.
adapipe::Sink open_sink_in_place(const std::string& input);

/// Refuses combinations of inputs and -o that cannot work, before anything runs: Failure(usage).
void check_output(const Options& options);

/// Where `input` goes. Throws Failure if there is no good name for it.
std::string output_for(const Options& options, const std::string& input);

}  // namespace tool
