"""Small encoders of texts with random weights: a folder of sentence-transformers, and an ONNX graph."""

import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper, save_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WIDTH, LENGTH = 16, 32


def write_tokenizer(file: Path, *, length: int | None = LENGTH) -> Path:
    """Write a tokenizer.json whose tokens are letters and pieces of one letter."""
    words = [*MARKS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=MARKS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    if length is not None:
        tokenizer.enable_truncation(length)
    tokenizer.save(str(file))
    return file


def write_sentence_folder(folder: Path, *, length: int = LENGTH, seed: int = 0) -> Path:
    """Write a BERT of two layers with mean pooling, as sentence-transformers stores it."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(MARKS) + 2 * len(LETTERS),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    network = BertModel(config)
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    documents = {
        "config.json": {**config.to_dict(), "architectures": ["BertModel"]},
        "sentence_bert_config.json": {"max_seq_length": length, "do_lower_case": False},
        "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer",
            **{f"{mark.strip('[]').lower()}_token": mark for mark in MARKS},
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True},
    }
    (folder / "1_Pooling").mkdir()
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
    write_tokenizer(folder / "tokenizer.json")
    return folder


def write_text_graph(file: Path, *, output: str = "vectors", is_pooled: bool = False) -> Path:
    """Write a graph of tokens to a vector for each [N, L, D]; pooled: to the sum of a text's [N, D]."""
    generator = np.random.default_rng(0)
    table = generator.normal(size=(len(MARKS) + 2 * len(LETTERS), WIDTH)).astype(np.float32)
    mixing = generator.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["found"]),
        helper.make_node("MatMul", ["found", "mixing"], ["mixed"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_of_vectors"]),
        helper.make_node("Mul", ["mixed", "mask_of_vectors"], ["masked" if is_pooled else output]),
    ]
    if is_pooled:
        nodes.append(helper.make_node("ReduceSum", ["masked", "tokens"], [output], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "vectors",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "l"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(mixing, "mixing"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "tokens"),
        ],
    )
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    return file
