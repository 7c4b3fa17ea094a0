"""Any matting network that was exported to ONNX, run by ONNX Runtime."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.extras import extra
from vmatte_pl.models.foreign import ForeignNetwork, Memory
from vmatte_pl.models.onnx_graph import Port, wired


class OnnxNetwork(ForeignNetwork):
    """A network from an ONNX file.

    What the graph shows need not be set: the image is the input with three channels, before or after height
    and width, and if these are fixed, frames are resized to them; inputs and outputs whose names differ only
    at the end, such as ``r1i`` and ``r1o``, are what is remembered, and start as zeros; alpha is the only
    other output, or the only one with a single channel.

    It runs where the frames are, if ONNX Runtime can, otherwise on the processor, with PyTorch's number of
    threads. What is remembered stays in main memory.

    Args:
        path: The file.
        image: The name of the image input.
        alpha: The name of the alpha output, or its place among the outputs, from 0.
        states: The outputs that are remembered, by the inputs that take them with the next frame.
        constants: The values of all other inputs, by name.
        providers: The execution providers to use, in this order.
        **settings: How frames are prepared and alphas made, see ``ForeignNetwork``.
    """

    def __init__(
        self,
        path: str,
        image: str | None = None,
        alpha: str | int | None = None,
        states: dict[str, str] | None = None,
        constants: dict[str, float] | None = None,
        providers: list[str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(path, **settings)
        self.providers = providers
        self._sessions: dict[torch.device, Any] = {}
        session = self._session(torch.device("cpu"))
        inputs = [Port.of(argument) for argument in session.get_inputs()]
        outputs = [Port.of(argument) for argument in session.get_outputs()]
        self.wiring = wired(inputs, outputs, path, image, alpha, states, constants)
        self.size = self.size or self.wiring.size
        self.recurrent = bool(self.wiring.states)

    def run(self, image: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run one step of the session."""
        wiring = self.wiring
        feeds = wiring.constants | wiring.starts | {wiring.image.name: self._fed(image)}
        feeds |= {name: value.cpu().numpy() for name, value in memory.items()}
        try:
            output, *states = self._session(image.device).run([wiring.alpha, *wiring.states.values()], feeds)
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            expected = "frames of a size that the graph takes"
            raise _refused(error, self.source, expected, "set size or multiple") from error
        remembered = dict(zip(wiring.states, map(torch.from_numpy, states), strict=True))
        return self._alpha_of(output).to(image.device), remembered

    def _fed(self, image: Tensor) -> NDArray[np.generic]:
        dtype = self.wiring.image.dtype
        if np.issubdtype(dtype, np.integer):
            image = (image * 255).round()
        if self.wiring.channels_last:
            image = image.movedim(1, -1)
        return image.detach().float().cpu().contiguous().numpy().astype(dtype, copy=False)

    def _alpha_of(self, output: NDArray[np.generic]) -> Tensor:
        alpha = torch.from_numpy(output.astype(np.float32, copy=False))
        if alpha.dim() == 3:
            return alpha[:, None]
        return alpha.movedim(-1, 1) if self.wiring.channels_last else alpha

    def _session(self, device: torch.device) -> Any:
        if device not in self._sessions:
            self._sessions = {device: self._opened(device)}
        return self._sessions[device]

    def _opened(self, device: torch.device) -> Any:
        runtime = extra("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors: its warnings are about what the exporter did
        providers = self.providers or _providers(device, runtime.get_available_providers())
        try:
            return runtime.InferenceSession(self.source, options, providers=providers)
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            remedy = "give a file that this version of ONNX Runtime reads"
            raise _refused(error, self.source, "an ONNX file", remedy) from error

    def __getstate__(self) -> dict[str, Any]:
        """Leave sessions behind: a copy opens its own."""
        return self.__dict__ | {"_sessions": {}}


def _providers(device: torch.device, available: list[str]) -> list[Any]:
    if device.type == "cuda":
        if "CUDAExecutionProvider" in available:
            return [("CUDAExecutionProvider", {"device_id": device.index or 0}), "CPUExecutionProvider"]
        warnings.warn("ONNX Runtime runs on the processor; onnxruntime-gpu would use the GPU", stacklevel=2)
    return ["CPUExecutionProvider"]


def _refused(error: Exception, path: str, expected: str, remedy: str) -> ConfigError:
    return ConfigError(expected=expected, found=str(error).partition("\n")[0], where=path, remedy=remedy)
