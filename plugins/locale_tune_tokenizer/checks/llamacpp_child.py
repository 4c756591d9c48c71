"""Read a GGUF vocabulary with llama.cpp in a fresh process and give the ids of texts.

Run by `children.ask`: llama.cpp aborts the process on files that it does not like.
"""

from __future__ import annotations

from typing import Any

from locale_tune_tokenizer.checks.children import serve


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the ids of each text, control tokens read as such and nothing put around."""
    import llama_cpp

    vocabulary = llama_cpp.Llama(request["path"], vocab_only=True, verbose=False)
    texts = [text.encode() for text in request["texts"]]
    ids = [vocabulary.tokenize(text, add_bos=False, special=True) for text in texts]
    return {"ids": ids, "binding": f"llama-cpp-python {llama_cpp.__version__}"}


if __name__ == "__main__":
    serve(answer)
