#pragma once

#include <adapipe/rate_limit.hpp>
#include <adapipe/source.hpp>
#include <memory>
#include <optional>

namespace adapipe::inline v0_1 {

class TokenBucket;

/// Source::limited(), of a source that was opened.
std::unique_ptr<SourceImpl> limit_source(std::unique_ptr<SourceImpl> whole,
                                         std::shared_ptr<TokenBucket> bucket);

/// `source` itself without a limit.
Source limited(Source source, const std::optional<RateLimit>& limit);

}  // namespace adapipe::inline v0_1
