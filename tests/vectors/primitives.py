"""The functions that FORMAT.md names, by the standard library, libcrypto, libxxhash and libzstd."""
import ctypes
import hashlib
import hmac
import struct
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

crypto = ctypes.CDLL("libcrypto.so.3")
xxhash = ctypes.CDLL("libxxhash.so.0")
zstd = ctypes.CDLL("libzstd.so.1")


class Refused(Exception):
    """What a reader says instead of giving bytes; `error` is a name of FORMAT.md."""

    def __init__(self, error, why):
        super().__init__(f"{error}: {why}")
        self.error = error


def need(condition, why, error="corrupt"):
    if not condition:
        raise Refused(error, why)


def c_function(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


xxh3 = c_function(xxhash, "XXH3_64bits_withSeed", c_uint64, c_void_p, c_size_t, c_uint64)


def xxh3_64(data, seed=0):
    return struct.pack("<Q", xxh3(data, len(data), seed))


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(ikm, salt, info, size):
    """RFC 5869; one block of SHA-256 is all that this format asks for."""
    return hmac_sha256(hmac_sha256(salt, ikm), info + b"\x01")[:size]


ctx_new = c_function(crypto, "EVP_CIPHER_CTX_new", c_void_p)
ctx_free = c_function(crypto, "EVP_CIPHER_CTX_free", None, c_void_p)
ctx_ctrl = c_function(crypto, "EVP_CIPHER_CTX_ctrl", c_int, c_void_p, c_int, c_int, c_void_p)
init = c_function(crypto, "EVP_DecryptInit_ex", c_int, *[c_void_p] * 5)
update = c_function(crypto, "EVP_DecryptUpdate", c_int, *[c_void_p] * 4, c_int)
final = c_function(crypto, "EVP_DecryptFinal_ex", c_int, *[c_void_p] * 3)
AES_256_GCM, CHACHA20_POLY1305, AES_128_GCM = 1, 2, 3
AEAD = {AES_256_GCM: c_function(crypto, "EVP_aes_256_gcm", c_void_p),
        CHACHA20_POLY1305: c_function(crypto, "EVP_chacha20_poly1305", c_void_p),
        AES_128_GCM: c_function(crypto, "EVP_aes_128_gcm", c_void_p)}
SET_TAG = 0x11


def aead_open(cipher, key, nonce, associated, sealed):
    """The plain bytes, or None if the tag does not fit."""
    data, tag = sealed[:-16], sealed[-16:]
    plain, size = ctypes.create_string_buffer(len(data) + 16), c_int()
    ctx = ctx_new()
    try:
        done = (init(ctx, AEAD[cipher](), None, key, nonce)
                and ctx_ctrl(ctx, SET_TAG, 16, tag)
                and (not associated or update(ctx, None, byref(size), associated, len(associated)))
                and update(ctx, plain, byref(size), data, len(data))
                and final(ctx, byref(plain, len(data)), byref(size)))
        return plain[:len(data)] if done == 1 else None
    finally:
        ctx_free(ctx)


raw_private = c_function(crypto, "EVP_PKEY_new_raw_private_key", c_void_p, c_int, c_void_p,
                         c_void_p, c_size_t)
raw_public = c_function(crypto, "EVP_PKEY_new_raw_public_key", c_void_p, c_int, c_void_p,
                        c_void_p, c_size_t)
get_public = c_function(crypto, "EVP_PKEY_get_raw_public_key", c_int, *[c_void_p] * 3)
pkey_ctx = c_function(crypto, "EVP_PKEY_CTX_new", c_void_p, c_void_p, c_void_p)
derive_init = c_function(crypto, "EVP_PKEY_derive_init", c_int, c_void_p)
set_peer = c_function(crypto, "EVP_PKEY_derive_set_peer", c_int, c_void_p, c_void_p)
pkey_derive = c_function(crypto, "EVP_PKEY_derive", c_int, *[c_void_p] * 3)
pkey_free = c_function(crypto, "EVP_PKEY_free", None, c_void_p)
pkey_ctx_free = c_function(crypto, "EVP_PKEY_CTX_free", None, c_void_p)
X25519 = 1034


def x25519(private, peer):
    """The shared secret and the public key of `private`; the secret is None if it is all zeros."""
    own, other = raw_private(X25519, None, private, 32), raw_public(X25519, None, peer, 32)
    ctx, size = pkey_ctx(own, None), c_size_t(32)
    secret, public = (ctypes.create_string_buffer(32) for _ in range(2))
    get_public(own, public, byref(size))
    done = (derive_init(ctx) == 1 and set_peer(ctx, other) == 1
            and pkey_derive(ctx, secret, byref(size)) == 1)
    pkey_ctx_free(ctx), pkey_free(own), pkey_free(other)
    return secret.raw if done and any(secret.raw) else None, public.raw


class Param(ctypes.Structure):
    _fields_ = [("key", c_char_p), ("type", c_uint), ("data", c_void_p), ("size", c_size_t),
                ("returned", c_size_t)]


kdf_fetch = c_function(crypto, "EVP_KDF_fetch", c_void_p, c_void_p, c_char_p, c_char_p)
kdf_ctx = c_function(crypto, "EVP_KDF_CTX_new", c_void_p, c_void_p)
kdf_derive = c_function(crypto, "EVP_KDF_derive", c_int, c_void_p, c_void_p, c_size_t, c_void_p)
kdf_free = c_function(crypto, "EVP_KDF_free", None, c_void_p)
kdf_ctx_free = c_function(crypto, "EVP_KDF_CTX_free", None, c_void_p)
UNSIGNED, OCTETS = 2, 5


def has_argon2id():
    """libcrypto has it from 3.2 on."""
    kdf = kdf_fetch(None, b"ARGON2ID", None)
    kdf_free(kdf)
    return bool(kdf)


def argon2id(passphrase, salt, memory, passes, lanes):
    need(has_argon2id(), "this libcrypto has no Argon2id", "unsupported_version")
    kdf = kdf_fetch(None, b"ARGON2ID", None)
    given = {b"pass": passphrase, b"salt": salt, b"memcost": memory, b"iter": passes,
             b"lanes": lanes}
    kinds = [UNSIGNED if isinstance(value, int) else OCTETS for value in given.values()]
    values = [struct.pack("=I", v) if isinstance(v, int) else v for v in given.values()]
    params = (Param * (len(given) + 1))(*(
        Param(key, kind, ctypes.cast(c_char_p(value), c_void_p), len(value), 0)
        for key, kind, value in zip(given, kinds, values)))
    ctx, out = kdf_ctx(kdf), ctypes.create_string_buffer(32)
    done = kdf_derive(ctx, out, 32, params)
    kdf_ctx_free(ctx), kdf_free(kdf)
    need(done == 1, "libcrypto fails at Argon2id", "limit_exceeded")
    return out.raw


frame_bytes = c_function(zstd, "ZSTD_findFrameCompressedSize", c_size_t, c_void_p, c_size_t)
content_bytes = c_function(zstd, "ZSTD_getFrameContentSize", c_uint64, c_void_p, c_size_t)
zstd_bound = c_function(zstd, "ZSTD_compressBound", c_size_t, c_size_t)
decompress = c_function(zstd, "ZSTD_decompress", c_size_t, c_void_p, c_size_t, c_void_p, c_size_t)


def undo_zstd(data, most):
    """Exactly one frame that says its size, at most `most`; no legacy and no skippable frame."""
    need(data[:4] == b"\x28\xb5\x2f\xfd" and frame_bytes(data, len(data)) == len(data),
         "not exactly one zstd frame")
    size = content_bytes(data, len(data))  # far beyond `most` if the frame does not say
    need(size <= most, "the zstd frame holds too much, or does not say how much")
    plain = ctypes.create_string_buffer(size + 1)
    need(decompress(plain, size, data, len(data)) == size, "the zstd frame is broken")
    return plain[:size]
