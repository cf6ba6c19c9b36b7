#!/usr/bin/env python3
"""Makes the fixtures of this folder with the PyPI packages tokenizers and jinja2.

    python3 -m venv v && v/bin/pip install tokenizers==0.23.3 jinja2 gguf
    v/bin/python make_fixtures.py --shared ../../../../shared [--smollm2 MODEL.gguf]

small-NAME.json   byte-level BPE of 640 tokens with the split rules of four models
spaces-NAME.json  SentencePiece-style BPE in the spellings Hugging Face has for it
cases.json        texts and the ids that `tokenizers` gives for them
chat.json         chat templates, conversations and what jinja2 renders
smollm2-wiki.txt  number of ids and their FNV-1a hash for the first 1,000 lines of
                  wiki.test.raw that are not blank (only with --smollm2)

The random texts have a fixed seed; training does not depend on the machine.
"""
import argparse
import json
import pathlib
import random

import jinja2
import jinja2.sandbox
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, trainers)

HERE = pathlib.Path(__file__).parent
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

FIXED_TEXTS = [
    "", " ", "  ", "\n", "\t\n \r\n", "Hello world", " Hello  world ",
    "I've 'told he's THERE, 'RE you sure? We'Ve a'lL \u017f'\u017f",
    "3 33 333 3333 1314151 x12y3456", "\u0663\u0664\u0665 \u00b2\u00bd \u2167",
    "\u041d\u0435\u0449\u043e \u043d\u0430 \u0411\u044a\u043b\u0433\u0430\u0440\u0441\u043a\u0438",
    "\u6211\u60f3\u5728apple\u5de5\u4f5c1314151\u5929\uff5e",
    "\U0001f680 (normal) \U0001f636\u200d\U0001f32b\ufe0f \u2705 \U0001f999.cpp",
    "e\u0301 \u00e9 A\u030a \u212b \u1100\u1161\u11a8 \uac01 \u0958 q\u0307\u0323",
    "a\u00a0b\u3000c\u2003d\u180ee\u0085f\u200bg\u2028h",
    "------=======...!!!??``\"\"''", "x\n\n\n  y \n z\r\n\r\nw   ",
    "<|end|>a<|end|>", "a <mask> b<mask>  c", "x <r>  y<r>z", "word words word",
    "sword wordword word.", "<|en <|end| <|end|>", "_word word_ (word)",
    "\u2581 \u2581a \u2581\u2581", "the the  the   the", "\u0000\u0001\u007f",
    "Zebra Zebras", "x" * 40 + " " * 40 + "ab" * 30,
]
RANGES = [(0x20, 0x7e)] * 6 + [(0x61, 0x7a)] * 6 + [
    (0x09, 0x0d), (0x20, 0x20), (0x20, 0x20), (0x20, 0x20), (0x30, 0x39),
    (0xa0, 0xff), (0x100, 0x17f), (0x300, 0x30f), (0x391, 0x3c9),
    (0x410, 0x44f), (0x5d0, 0x5ea), (0x627, 0x64a), (0x660, 0x669),
    (0x905, 0x939), (0x1100, 0x1112), (0x1161, 0x1175), (0x2000, 0x200f),
    (0x2026, 0x202f), (0x2070, 0x2079), (0x2160, 0x2188), (0x2190, 0x21ff),
    (0x3000, 0x3002), (0x3041, 0x3096), (0x4e00, 0x4e80), (0xac00, 0xac40),
    (0xff10, 0xff19), (0x1f600, 0x1f64f), (0x180e, 0x180e), (0x85, 0x85)]


def random_texts(count, seed=1):
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        text = ""
        for _ in range(rng.randrange(1, 12)):
            low, high = rng.choice(RANGES)
            text += "".join(chr(rng.randint(low, high))
                            for _ in range(rng.choice([1, 1, 2, 3, 5])))
        texts.append(text)
    return texts


def add_tokens(tokenizer):
    tokenizer.add_special_tokens([
        AddedToken("<|end|>", normalized=False),
        AddedToken("<mask>", lstrip=True, normalized=False),
        AddedToken("<r>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([
        AddedToken("word", single_word=True, normalized=False)])


def byte_level(corpus):
    split = lambda pattern: pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    rules = {
        "gpt2": (None, pre_tokenizers.ByteLevel(add_prefix_space=False), False),
        "smollm": (None, pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False)]), False),
        "llama3": (None, split(LLAMA3), True),
        "qwen2": (normalizers.NFC(), split(QWEN2), False),
        "prefix": (None, pre_tokenizers.ByteLevel(add_prefix_space=True), False)}
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = rules["llama3"][1]
    trained.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=640, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    state = json.loads(trained.to_str())["model"]
    # A token that no merge builds: only ignore_merges gives it.
    state["vocab"]["Zebra"] = len(state["vocab"])
    merges = [tuple(m) for m in state["merges"]]
    for name, (normalizer, pre, ignore) in rules.items():
        tokenizer = Tokenizer(models.BPE(vocab=state["vocab"], merges=merges,
                                         ignore_merges=ignore))
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre
        tokenizer.decoder = decoders.ByteLevel()
        add_tokens(tokenizer)
        yield "small-" + name, tokenizer


def spaces(corpus):
    sp = "\u2581"
    # Only ASCII: limit_alphabet would choose among equals by chance.
    corpus = [line.replace(" ", sp) for line in corpus if line.isascii()]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split(sp, "merged_with_next")
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    trained.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=640, show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>"] + bytes_))
    state = json.loads(trained.to_str())["model"]
    merges = [tuple(m) for m in state["merges"]]
    replace = normalizers.Replace(" ", sp)
    meta = lambda scheme: pre_tokenizers.Metaspace(sp, scheme, split=False)
    rules = {
        "llama": (normalizers.Sequence([normalizers.Prepend(sp), replace]), None,
                  True),
        "gemma": (replace, pre_tokenizers.Split(" ", "merged_with_previous"),
                  True),
        "always": (None, meta("always"), True),
        "first": (None, meta("first"), True),
        "unknown": (replace, None, False)}
    for name, (normalizer, pre, fallback) in rules.items():
        vocab = dict(state["vocab"])
        tokenizer = Tokenizer(models.BPE(
            vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True,
            byte_fallback=fallback))
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre:
            tokenizer.pre_tokenizer = pre
        tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
        add_tokens(tokenizer)
        yield "spaces-" + name, tokenizer


CHAT = {
    "smollm2": ("<|im_start|>", "<|im_end|>", """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""),
    "chatml": ("<s>", "<|im_end|>", r"""{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""),
    "qwen2": ("", "<|im_end|>", r"""{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""),
    "llama2": ("<s>", "</s>", r"""{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>", r"""{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""),
    "llama31": ("<|begin_of_text|>", "<|eot_id|>", r"""{{- bos_token }}
{%- set date_string = "26 Jul 2024" %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""),
    "mistral1": ("<s>", "</s>", r"""{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"""),
    "mistral3": ("<s>", "</s>", r"""{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
"""),
    "gemma": ("<bos>", "<eos>", r"""{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"""),
    "phi3": ("<s>", "<|endoftext|>", r"""{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"""),
    "phi4mini": ("<s>", "<|endoftext|>", r"""{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"""),
    "zephyr": ("<s>", "</s>", r"""{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""),
}
CONVERSATIONS = [
    [("user", "Hi there")],
    [("user", "  Hi there \n")],
    [("system", "Be brief."), ("user", "What is 2+2?")],
    [("user", "One"), ("assistant", " Two "), ("user", "Three")],
    [("system", "Be brief."), ("user", "One"), ("assistant", "Two"),
     ("user", "Three")],
    [("user", "One"), ("user", "Two")],
]


def chat_cases():
    def fail(message):
        raise jinja2.TemplateError(message)
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = fail
    out = []
    for name, (bos, eos, text) in CHAT.items():
        cases = []
        for conversation in CONVERSATIONS:
            messages = [{"role": r, "content": c} for r, c in conversation]
            for generate in (True, False):
                # Where a template repeats eos at the end of a finished text
                # only training uses it.
                if not generate and name.startswith("phi"):
                    continue
                try:
                    text_out = environment.from_string(text).render(
                        messages=messages, bos_token=bos, eos_token=eos,
                        add_generation_prompt=generate)
                except jinja2.TemplateError:
                    text_out = None
                cases.append({"messages": messages, "generate": generate,
                              "expected": text_out})
        out.append({"name": name, "bos": bos, "eos": eos, "template": text,
                    "cases": cases})
    return out


def fnv1a(ids):
    value = 0xcbf29ce484222325
    for i in ids:
        for byte in int(i).to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001b3) % (1 << 64)
    return value


def smollm2(path, shared):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    tokenizer = Tokenizer(models.BPE(
        vocab={t: i for i, t in enumerate(tokens)},
        merges=[tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    text = (shared / "data/wiki.test.raw").read_bytes().decode()
    lines = [line for line in text.split("\n") if line.strip()][:1000]
    with open(HERE / "smollm2-wiki.txt", "w") as out:
        for line in lines:
            ids = tokenizer.encode(line).ids
            out.write(f"{len(ids)} {fnv1a(ids):016x}\n")


def dump(name, value):
    (HERE / name).write_text(
        json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        .replace('},{', '},\n{') + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--smollm2")
    parser.add_argument("--random", type=int, default=60)
    args = parser.parse_args()
    corpus = (args.shared / "data/wiki.test.raw").read_text()[:300000]
    corpus = corpus.split("\n") + FIXED_TEXTS * 20
    texts = FIXED_TEXTS + random_texts(args.random)
    cases = {}
    for name, tokenizer in [*byte_level(corpus), *spaces(corpus)]:
        dump(name + ".json", json.loads(tokenizer.to_str()))
        cases[name] = [tokenizer.encode(t, add_special_tokens=False).ids
                       for t in texts]
    dump("cases.json", {"texts": texts, "ids": cases})
    dump("chat.json", chat_cases())
    if args.smollm2:
        smollm2(args.smollm2, args.shared)


if __name__ == "__main__":
    main()
