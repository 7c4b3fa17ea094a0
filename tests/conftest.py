"""What all tests share."""

import torch

# tiny tensors: a second thread costs more than it gives, and far more where the processor is shared
torch.set_num_threads(1)
