"""The benchmarks' work in PyTorch, written as its users would; needs PyTorch and no other module.

`eval.benchmark` starts this program, passes the random data, and times it in turn with the others.
Each line of standard input is a request in JSON, and each line of standard output its response.
"""

import io
import itertools
import json
import os
import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

CELLS = 512
Data = dict[str, np.ndarray]
# A function from the amount of work and the number of a round to its result.
Way = Callable[[int, int], dict]
Ways = dict[str, Way]


class ReluCell(nn.Module):
    """An LSTM with ReLU for candidate and output, unrolled step by step."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project = nn.Linear(size, 4 * size)
        self.recur = nn.Linear(size, 4 * size, bias=False)

    def forward(self, words: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Returns the hidden states, float32 (batch, time, cells)."""
        inputs, cell = self.project(words), torch.zeros_like(hidden)
        states: list[torch.Tensor] = []
        for step in range(inputs.shape[1]):
            i, f, g, o = (inputs[:, step] + self.recur(hidden)).chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.relu(g)
            hidden = torch.sigmoid(o) * torch.relu(cell)
            states.append(hidden)
        return torch.stack(states, 1)


class Captioner(nn.Module):
    """A decoder whose first state is computed from concepts; padding has no logits."""

    def __init__(self, num_concepts: int, vocab_size: int, dropout: float, relu: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size + 1, CELLS)
        self.start = nn.Linear(num_concepts, CELLS)
        self.relu = torch.jit.script(ReluCell(CELLS)) if relu else None
        self.lstm = None if relu else nn.LSTM(CELLS, CELLS, batch_first=True)
        self.dropout, self.output = nn.Dropout(dropout), nn.Linear(CELLS, vocab_size)

    def forward(
        self, concepts: torch.Tensor, inputs: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """Returns the logits of the words without padding, float32 (words, vocab_size)."""
        hidden, words = self.start(concepts), self.dropout(self.embed(inputs))
        if self.relu is not None:
            states = self.relu(words, hidden)
        else:
            zeros = torch.zeros_like(hidden)[None]
            states, _ = self.lstm(words, (hidden[None], zeros))
        packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        return self.output(self.dropout(packed.data))


def train(data: Data) -> Ways:
    """Returns training steps with nn.LSTM (tanh) and with a scripted ReLU LSTM."""
    number = sum(name.startswith("input_ids/") for name in data)
    batches = []
    for i in range(number):
        inputs, targets = (
            torch.from_numpy(data[f"{k}/{i}"][:, 0]).long() for k in ("input_ids", "target_ids")
        )
        lengths = torch.from_numpy(data[f"padding_mask/{i}"][:, 0].sum(1))
        packed = pack_padded_sequence(targets, lengths, batch_first=True, enforce_sorted=False).data
        batches.append((torch.from_numpy(data[f"concepts/{i}"]), inputs, lengths, packed))
    names = ("vocab_size", "dropout", "learning_rate", "clip_norm")
    vocab_size, dropout, rate, clip_norm = (data[name].item() for name in names)

    def way(relu: bool) -> Way:
        model = Captioner(batches[0][0].shape[1], vocab_size, dropout, relu).train()
        optimizer = torch.optim.RMSprop(model.parameters(), lr=rate, alpha=0.9, eps=1e-7)

        def call(steps: int, turn: int) -> dict:
            for step in range(steps):
                concepts, inputs, lengths, targets = batches[(turn * steps + step) % number]
                optimizer.zero_grad()
                logits = model(concepts, inputs, lengths)
                loss = cross_entropy(logits, targets, reduction="sum") / len(lengths)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
                optimizer.step()
                loss = loss.item()
            return {"loss": loss}

        return call

    return {"nn.LSTM": way(False), "relu_lstm": way(True)}


def decode(data: Data) -> Ways:
    """Returns batched beam searches; width 1 is greedy search."""
    kernel, recurrent, embeddings, output, bias = (
        torch.from_numpy(data[k]) for k in ("kernel", "recurrent", "embeddings", "output", "bias")
    )
    vocab_size, steps = output.shape[1], int(data["max_steps"])

    @torch.no_grad()
    def search(width: int, first: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        batch, rows = len(lengths), torch.arange(len(lengths))[:, None]
        ends = lengths.repeat_interleave(width)
        hidden = first.repeat_interleave(width, 0)
        cell = torch.zeros_like(hidden)
        token = torch.full((batch * width,), vocab_size)
        scores = torch.full((batch, width), -torch.inf)
        scores[:, 0] = 0.0
        done = torch.zeros(batch, width, dtype=torch.bool)
        ids = torch.full((batch, width, steps), -1)
        for step in range(steps):
            gates = embeddings[token] @ kernel + bias + hidden @ recurrent
            i, f, g, o = gates.chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.relu(g)
            hidden = torch.sigmoid(o) * torch.relu(cell)
            clock = torch.where(step < ends, -1e9, 1e9)[:, None]
            logits = torch.cat([hidden[:, :-1], clock], 1) @ output
            logp = logits.log_softmax(1).view(batch, width, vocab_size)
            # A finished caption has one continuation, with log-probability 0.
            logp = logp.masked_fill(done[..., None], -torch.inf)
            logp[..., 0] = torch.where(done, 0.0, logp[..., 0])
            scores, best = (scores[..., None] + logp).view(batch, -1).topk(width)
            parent, word = best // vocab_size, best % vocab_size
            flat = (rows * width + parent).view(-1)
            hidden, cell, ids, done = (
                hidden[flat],
                cell[flat],
                ids[rows, parent],
                done[rows, parent],
            )
            done = done | (word == 0)
            ids[..., step] = torch.where(done, -1, word)
            token = word.view(-1)
            if done.all():
                break
        return ids[:, 0]

    def way(width: int, name: str) -> Way:
        first, lengths = torch.from_numpy(data["hidden"]), torch.from_numpy(data[name]).long()
        return lambda amount, turn: {"ids": search(width, first, lengths).tolist()}

    kinds = ("all steps", "lengths of captions")
    return {
        f"{name} {width}": way(width, name)
        for name in kinds
        for width in (1, int(data["beam_width"]))
    }


class Pictures(torch.utils.data.Dataset):
    """JPEG files in memory, decoded by Pillow and transformed by torchvision, repeated."""

    def __init__(self, files: list[bytes], transform: Callable, number: int) -> None:
        self.files, self.transform, self.number = files, transform, number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, row: int) -> torch.Tensor:
        from PIL import Image

        encoded = self.files[row % len(self.files)]
        return self.transform(Image.open(io.BytesIO(encoded)).convert("RGB"))


def pictures(data: Data) -> Ways:
    """Returns passes over DataLoaders with the transforms of evaluation and of training."""
    library = torch.library.Library("torchvision", "DEF")
    try:
        from torchvision import transforms
    except RuntimeError:
        # A torchvision built for GPUs lacks its detection operators on a CPU build of PyTorch.
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision import transforms
    bounds, content = data["bounds"], data["content"].tobytes()
    files = [content[a:b] for a, b in itertools.pairwise(bounds)]
    size, resized = int(data["size"]), int(data["resized"])
    resize = transforms.Resize((resized, resized))
    end = [transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    jitter = transforms.ColorJitter(32 / 255, 0.5, 0.5, 0.032)
    augmented = [
        resize,
        transforms.RandomCrop(size),
        transforms.RandomHorizontalFlip(),
        jitter,
        *end,
    ]
    ways = {"evaluation": [resize, transforms.CenterCrop(size), *end], "training": augmented}

    def way(steps: list) -> Way:
        def call(amount: int, turn: int) -> dict:
            dataset = Pictures(files, transforms.Compose(steps), amount)
            # One worker per core; they end with the round, so their time counts as children's.
            loader = torch.utils.data.DataLoader(
                dataset, batch_size=32, num_workers=torch.get_num_threads()
            )
            return {"images": sum(len(batch) for batch in loader)}

        return call

    return {name: way(steps) for name, steps in ways.items()}


PARTS = {"train": train, "decode": decode, "input": pictures}


def processor_secs() -> float:
    """Returns the processor seconds of this process and its finished child processes."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Answers requests until standard input ends."""
    ways = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            data = dict(np.load(request["path"]))
            ways, answer = PARTS[request["prepare"]](data), {"torch": torch.__version__}
        else:
            before = processor_secs()
            answer = ways[request["way"]](request["amount"], request["number"])
            answer["cpu"] = processor_secs() - before
        print(json.dumps(answer), flush=True)
