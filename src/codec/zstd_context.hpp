#pragma once

#define ZSTD_STATIC_LINKING_ONLY  // the size estimates
#include <zstd.h>

#include <adapipe/error.hpp>
#include <memory>

/// What all that calls libzstd shares.
namespace adapipe::inline v0_1 {

template <auto Free>
struct ZstdFree {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using DecompressorPtr = std::unique_ptr<ZSTD_DCtx, ZstdFree<ZSTD_freeDCtx>>;

/// Throws Error(resource_exhausted) if zstd could not make it.
template <typename Ptr>
Ptr owned(typename Ptr::pointer object) {
  if (object == nullptr) throw Error(errc::resource_exhausted, "no memory for a zstd context");
  return Ptr(object);
}

}  // namespace adapipe::inline v0_1
