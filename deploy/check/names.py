"""Every flag, variable, metric, store and bus that this folder names is one that the project has.

    names.py [BINARY]

Reads the source. With a binary, also holds its --help against it.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
# Flags of other programs.
OTHERS = {
    "cargo": {"release", "locked", "bin", "features", "no-default-features", "path", "bench"},
    "docker": {"chown", "from", "interval", "timeout", "start-period", "retries", "stop-timeout", "build",
               "detach", "wait", "no-deps", "force-recreate"},
    "apt-get": {"no-install-recommends"},
    "kubectl": {"from-literal"},
    "redis-server": {"requirepass", "dir", "appendonly", "appendfsync", "maxmemory", "maxmemory-policy"},
    "kubernetes-validate": {"strict", "kubernetes-version", "quiet"},
    "caddy": {"adapter", "config"},
    "systemd-analyze": {"man", "no-pager", "offline", "threshold"},
    "ourselves": {"help", "version", "live", "ready"},
}
# What is made of a histogram.
SUFFIXES = re.compile(r"_(bucket|sum|count)$")


def main(binary=None):
    flags = flags_of("serve_args.rs") | flags_of("bots.rs")
    variables = {"ASSET_ARBITER_" + flag.upper().replace("-", "_") for flag in flags_of("serve_args.rs")}
    variables |= set(re.findall(r'"(ASSET_ARBITER_\w+)"', source("src/cli")))
    metrics = set(re.findall(r'(?:counter|gauge|histogram)!\(\s*"(asset_arbiter_\w+)"', source("src")))
    metrics |= set(re.findall(r'"(asset_arbiter_\w+_total)"', source("src")))
    assert len(flags) > 30 and len(metrics) > 10, "the source looks different now: names.py must follow it"
    known = flags.union(*OTHERS.values())

    wrong = []
    for path in texts():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            named = [f"--{flag}" for flag in re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", line) if flag not in known]
            named += set(re.findall(r"ASSET_ARBITER_[A-Z][A-Z_]*[A-Z]", line)) - variables
            named += {name for name in re.findall(r"asset_arbiter_[a-z_]*[a-z]", line) if SUFFIXES.sub("", name) not in metrics}
            wrong += [f"{path.relative_to(ROOT)}:{number}: there is no {name}" for name in named]
    wrong += strangers("Choosing a store", schemes("src/store"))
    wrong += strangers("Choosing a bus", schemes("src/bus"))
    if binary:
        wrong += [f"--help of {binary} has no --{flag}" for flag in sorted(flags - told(binary))]
    return wrong


def flags_of(file):
    text = (ROOT / "src/cli" / file).read_text()
    fields = re.findall(r"#\[arg\(long(.*?)\)\]\s+(?:pub\(crate\) )?(\w+):", text, re.S)
    renamed = [(re.search(r'^\s*=\s*"([a-z-]+)"', how), field) for how, field in fields]
    return {name.group(1) if name else field.replace("_", "-") for name, field in renamed}


def schemes(folder):
    """Those of the drivers in a folder: written out there, or in a list called SCHEMES in a folder of the driver's name."""
    found = set()
    for path in (ROOT / folder).glob("*.rs"):
        for said in re.findall(r"schemes: &(\[.*?\]|[\w:]*SCHEMES)", path.read_text(), re.S):
            lists = [said] if said.startswith("[") else named_lists(path.stem)
            found |= {name for text in lists for name in re.findall(r'"([a-z+]+)"', text)}
    return found


def named_lists(driver):
    texts = [path.read_text() for path in (ROOT / "src").rglob(f"{driver}/*.rs")]
    return [listed for text in texts for listed in re.findall(r"SCHEMES: \[&str; \d+\] =\s*(\[.*?\])", text, re.S)]


def strangers(heading, known):
    """Schemes that begin a row under a heading of the README and are not known."""
    text = (HERE / "README.md").read_text()
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [row.split(" | ")[1] for row in section.splitlines() if re.match(r"\| .* \| `[a-z+]+:", row)]
    named = {name for cell in cells for name in re.findall(r"`([a-z+]+):", cell)}
    assert named, f"no rows under {heading!r}: names.py must follow the README"
    return [f"deploy/README.md, {heading!r}: there is no {name}:" for name in sorted(named - known)]


def told(binary):
    outputs = [subprocess.run([binary, command, "--help"], capture_output=True, text=True).stdout for command in ("serve", "bots")]
    return set(re.findall(r"--([a-z][a-z-]*[a-z])", "".join(outputs)))


def source(folder):
    return "".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.rs")))


def texts():
    # What makes a release names the flags of many other programs.
    other = {"secrets", "release"}
    return sorted(path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc" and path.name != "names.py"
                  and not other & set(path.parts) and path.name != ".env")


if __name__ == "__main__":
    found = main(*sys.argv[1:])
    sys.exit("\n".join(found) or 0)
