// Standard streams on both sides, whatever is behind them: text goes through a pipeline, and the
// container is read as if it were the text.
//
//   example_streams CONTAINER PASSPHRASE_FILE write < TEXT
//   example_streams CONTAINER PASSPHRASE_FILE read [FROM_BYTE] > TEXT

#include <adapipe/adapipe.hpp>
#include <adapipe/iostream.hpp>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

namespace {

adapipe::Passphrase passphrase_in(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return adapipe::Passphrase(line);
}

void write(const char* container, const adapipe::Passphrase& passphrase) {
  const auto pipeline = adapipe::Pipeline::Builder()
                            .add(adapipe::zstd())
                            .add(adapipe::chacha20_poly1305({.recipients = {passphrase}}))
                            .build();
  // From a stream to a stream; adapipe::ostream is one that is written to.
  std::ofstream out(container, std::ios::binary);
  const adapipe::Report made =
      pipeline.process(adapipe::Source::from(std::cin), adapipe::Sink::to(out));
  std::cerr << made.input_bytes << " -> " << made.output_bytes << " bytes\n";
}

void read(const char* container, const adapipe::Passphrase& passphrase, std::streamoff from) {
  adapipe::istream text(adapipe::Reader::open(container, {.identities = {passphrase}}));
  text.exceptions(std::ios_base::badbit);  // an adapipe::Error is thrown as it is
  text.seekg(from);                        // only the chunks from there on are read
  for (std::string line; std::getline(text, line);) {
    std::cout << line;
    if (!text.eof()) std::cout << '\n';  // the last line may lack it
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc >= 4 ? argv[3] : "";
  if (command == "write" && argc == 4) {
    write(argv[1], passphrase_in(argv[2]));
  } else if (command == "read" && argc <= 5) {
    read(argv[1], passphrase_in(argv[2]), argc == 5 ? std::stoll(argv[4]) : 0);
  } else {
    std::cerr << "usage: example_streams CONTAINER PASSPHRASE_FILE write|read [FROM_BYTE]\n";
    return 64;
  }
} catch (const std::exception& error) {  // an adapipe::Error, or FROM_BYTE is no number
  std::cerr << error.what() << '\n';
  return 1;
}
