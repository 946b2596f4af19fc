// The step of the network: from samples and state to probabilities and the next state.
//
// All tensors are allocated once. Two state buffers alternate between reading and writing.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <memory>
#include <string>
#include <vector>

#include "card.h"

// Starts the runtime without log output. Throws Failure if it is too old.
Ort::Env start_runtime();

class Step {
 public:
  // The step of the file `path`, in the initial state. Throws Failure if the file cannot be read, is
  // damaged, or does not match the card.
  Step(const Ort::Env& runtime, const Card& card, const std::string& path);
  Step(const Step&) = delete;

  // The window (card.window) that `run` reads, of which the last card.hop are new. The caller fills it.
  float* samples() { return samples_.data(); }

  // Runs one step and carries the state. A non-finite output resets the state.
  void run();

  const std::vector<float>& probabilities() const { return probabilities_; }
  float music() const { return music_; }

 private:
  Ort::IoBinding bind(size_t reads);
  bool finite(const std::vector<float>& next) const;

  std::shared_ptr<void> file_;  // a mapped model, whose weights the session reads in place
  Ort::Session session_{nullptr};
  std::vector<float> samples_, states_[2], probabilities_;
  float music_ = 0;
  std::vector<Ort::IoBinding> bindings_;  // each reads one state and writes the other
  Ort::RunOptions options_;
  size_t turn_ = 0;
};
