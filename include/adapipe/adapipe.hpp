#pragma once

/// The everyday surface of adapipe. Beside it: <adapipe/backend.hpp> for codecs and ciphers of the
/// host's own.

#include <adapipe/chunk.hpp>
#include <adapipe/error.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/operation.hpp>
#include <adapipe/pipeline.hpp>
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
#include <adapipe/writer.hpp>
