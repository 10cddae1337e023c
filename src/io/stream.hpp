#pragma once

#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <istream>
#include <memory>
#include <ostream>

namespace adapipe::inline v0_1 {

/// Source::from(). Throws Error(io_error) for a stream in a bad state.
std::unique_ptr<SourceImpl> open_stream_source(std::shared_ptr<std::istream> stream);

/// Sink::to(). Throws Error(io_error) for a stream in a bad state.
std::unique_ptr<SinkImpl> open_stream_sink(std::shared_ptr<std::ostream> stream);

}  // namespace adapipe::inline v0_1
