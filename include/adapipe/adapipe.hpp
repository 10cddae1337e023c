#pragma once

/// The everyday surface of adapipe. Beside it: <adapipe/backend.hpp> for codecs and ciphers of the
/// host's own, <adapipe/iostream.hpp> for standard streams, <adapipe/concurrency.hpp> for work of
/// the host's own beside its pipelines, <adapipe/tbb.hpp> for a host that runs oneTBB itself,
/// <adapipe/trace.hpp> for a trace of all that is done.

#include <adapipe/batch.hpp>
#include <adapipe/chunk.hpp>
#include <adapipe/container.hpp>
#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/metrics.hpp>
#include <adapipe/observer.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/pipeline.hpp>
#include <adapipe/rate_limit.hpp>
#include <adapipe/reader.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/rekey.hpp>
#include <adapipe/report.hpp>
#include <adapipe/restore.hpp>
#include <adapipe/runtime.hpp>
#include <adapipe/salvage.hpp>
#include <adapipe/sink.hpp>
#include <adapipe/source.hpp>
#include <adapipe/stage.hpp>
#include <adapipe/stages.hpp>
#include <adapipe/taps.hpp>
#include <adapipe/writer.hpp>
