#pragma once

/// ADAPIPE_API marks what the shared library exports; everything else is hidden. In the static
/// library (ADAPIPE_STATIC, set by the CMake target for its users) nothing is exported, so that a
/// host's own shared object does not re-export adapipe.
#if defined(ADAPIPE_STATIC)
#define ADAPIPE_API
#else
#define ADAPIPE_API [[gnu::visibility("default")]]
#endif
