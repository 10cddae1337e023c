#pragma once

/// What --help says below the options.
namespace tool {

inline constexpr char kMainHelp[] =
    R"(Begin with:
  adapipe keygen -o my.key                      make a key; keep it safe
  adapipe process -k my.key data.tar            writes data.tar.adapipe
  adapipe restore -k my.key data.tar.adapipe    writes data.tar
  adapipe verify  -k my.key data.tar.adapipe    checks every byte, writes nothing
  tar -c folder | adapipe process -p -o folder.tar.adapipe

`adapipe COMMAND --help` tells more. An output appears only when it is complete
and checked; after a failure, or Ctrl-C, nothing is left behind.

Exit status: 0 success, 64 usage, 65 corrupt or cut short or not a container or
beyond a limit, 66 input missing or unreadable, 69 needs what this version lacks,
70 internal error, 71 out of resources, 73 output exists or cannot be created,
74 I/O error, 77 wrong key.)";

inline constexpr char kProcessHelp[] =
    R"(Examples:
  adapipe process -k my.key data.tar            writes data.tar.adapipe
  adapipe process -k my.key *.log -o backup/    one container for each file
  tar -c folder | adapipe process -p -o folder.tar.adapipe
  adapipe process -r adp1... -r adp1... data.tar   for two people's identities
  adapipe process --cipher none -l 19 data.tar  compressed, not encrypted
  adapipe process --container zstd data.tar     writes data.tar.zst, for zstd -d
  tar -c folder | adapipe process -k my.key --adapt | ssh host 'cat > folder.adapipe'

Several files are a batch, of which a few are worked on at once: it goes on after
a failure, and the exit status is that of the first file that failed. What is
printed about a file is printed when it has ended. The permission bits of a file
go to its container.

A .zst file can be read by every zstd, at any place by those that know its seek
table, and has checksums, but no encryption, and nothing that tells a part of it
from the whole.

Sizes: 4M and 4MiB are 4 * 1024 * 1024 bytes; a rate is 4M/s, or 4M for short.)";

inline constexpr char kRestoreHelp[] =
    R"(Examples:
  adapipe restore -k my.key data.tar.adapipe    writes data.tar
  adapipe restore -k my.key < data.tar.adapipe | tar -x
  adapipe restore a.adapipe b.adapipe -o out/   asks for the passphrase
  adapipe restore data.tar.zst                  writes data.tar; whoever made it
  adapipe restore --salvage -k my.key data.tar.adapipe   what is intact of it

A file appears only after the last check has passed. Through a pipe, data flows
as it is authenticated: trust it only when the exit status is 0. Key options can
be mixed; the first key that fits opens. Without any, the passphrase is asked
for if the container has nothing but a passphrase slot.

A .zst file is restored without a key, by all cores if it is of several frames
that say their sizes, as adapipe process --container zstd makes them.

--salvage is for a container that restore refuses. Every chunk that is intact is
restored at its place, with zeros for the others; each lost range is listed, and
the exit status is 65. It needs the container's beginning (header and key slots),
but not its end. From a failing disk, copy the file first, with ddrescue say.

A few kB can hold terabytes of zeros. With --max-size, more than that is refused:
before a file is made, and before a pipe gets a byte too many.)";

inline constexpr char kVerifyHelp[] =
    R"(Examples:
  adapipe verify -k my.key backup/*.adapipe
  ssh host cat data.adapipe | adapipe verify -k my.key

Every chunk is authenticated and decoded. A container that was made with
--cipher none is checked for accidents, and so is a .zst file, if it has
checksums; anyone could have written it.)";

inline constexpr char kRekeyHelp[] =
    R"(Examples:
  adapipe info a.adapipe                        shows the key slots, with their numbers
  adapipe rekey -k old.key --add-key-file new.key --remove 1 a.adapipe
  adapipe rekey -k my.key --add-passphrase a.adapipe -o for-bob.adapipe

-k, -i, -p and --passphrase-file open the container, as for restore; one that is
not encrypted has no keys to change: exit status 64. The data is copied as it is,
neither decoded nor checked: verify does that. Without -o, a new file takes the
place of IN when it is complete; it has the permission bits of IN, but not its
owner and hard links.

info does not say whose a slot is, but with a key, which slot that key opens.
Slots stand in the order in which process and rekey were given them: key files,
passphrase, -r, -R; new ones stand last.

A removed key no longer opens this copy. It still opens every older copy, and
whoever had it may have kept the key of the container itself, which stays the
same. To shut someone out, process the data again and destroy the old copies.)";

inline constexpr char kCatHelp[] =
    R"(Example:
  adapipe cat -k my.key data.tar.adapipe --offset 1G --length 4K | xxd

Only the chunks that hold the range are read. Past the end there is nothing. A
.zst file will do if it is of frames that say their sizes, as adapipe process
--container zstd makes it.)";

inline constexpr char kInfoHelp[] =
    R"(Example:
  adapipe info data.tar.adapipe --json

Without a key the answer is not authenticated: anyone could have written it.)";

inline constexpr char kKeygenHelp[] =
    R"(Examples:
  adapipe keygen -o my.key             for -k, in both directions
  adapipe keygen --x25519 -o my.id     adp1... for -r when processing, -i my.id
                                       when restoring

A key file holds 32 random bytes as 64 hex digits, readable by you only. Whoever
has it can read and forge containers made with it; without it they are lost.
An identity file holds an X25519 private key. Its public key stands in it as a
comment and may be given to anyone: whoever has that can make containers for
you, and cannot read them. It does not tell who made a container.)";

}  // namespace tool
