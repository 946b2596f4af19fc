// The network's step: samples and state in, probabilities and the next state out.
//
// All tensors are allocated once; two states take turns as the one read and the one written.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <memory>
#include <string>
#include <vector>

#include "card.h"

// The runtime itself, silent but for the errors it throws. Throws Failure: it is too old.
Ort::Env start_runtime();

class Step {
 public:
  // The step that the file `path` holds, with no memory yet. Throws Failure: it cannot be read, is
  // damaged, or is not what the card says.
  Step(const Ort::Env& runtime, const Card& card, const std::string& path);
  Step(const Step&) = delete;

  // The window (card.window) that `run` reads: the last card.hop are new. Yours to fill.
  float* samples() { return samples_.data(); }

  // One step; the state is carried on. Where the network gives what is not a number, its memory is
  // started anew.
  void run();

  const std::vector<float>& probabilities() const { return probabilities_; }
  float music() const { return music_; }

 private:
  Ort::IoBinding bind(size_t reads);
  bool finite(const std::vector<float>& next) const;

  std::shared_ptr<void> file_;  // a mapped model: the session reads its weights in place
  Ort::Session session_{nullptr};
  std::vector<float> samples_, states_[2], probabilities_;
  float music_ = 0;
  std::vector<Ort::IoBinding> bindings_;  // each reads one state and writes the other
  Ort::RunOptions options_;
  size_t turn_ = 0;
};
