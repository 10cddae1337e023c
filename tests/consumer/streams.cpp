#include <adapipe/adapipe.hpp>
#include <sstream>
#include <stop_token>
#include <string>
int main() {
  adapipe::Passphrase pass("correct horse battery staple");
  auto pipeline = adapipe::Pipeline::Builder()
                      .add(adapipe::zstd({.level = 1}))
                      .add(adapipe::chacha20_poly1305({.recipients = {pass}}))
                      .build();
  std::istringstream plain(std::string(10'000'000, 'x'));
  std::stringstream sealed;
  std::stop_source stop;
  adapipe::Operation op = pipeline.start(adapipe::Source::from(plain), adapipe::Sink::to(sealed),
                                         {.stop = stop.get_token(),
                                          .on_progress = [](const adapipe::Progress& p) { (void)p.bytes_done; }});
  adapipe::Report made = op.get();                       // or: co_await; op.wait_for(1s); op.cancel(); op.error()
  std::ostringstream back;
  adapipe::restore(adapipe::Source::from(sealed), adapipe::Sink::to(back), {.identities = {pass}});
  return back.str().size() == made.input_bytes ? 0 : 1;
}
