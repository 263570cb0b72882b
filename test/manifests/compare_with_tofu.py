"""Asks a real tofu (or terraform) what each pool's locals are, and compares that with what hcl.py says. Usage: compare_with_tofu.py TOFU

No provider is needed: the file with the locals and the one with the variables are a module without resources.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml
from repository import ROOT, Repository

NAMES = ("labels", "taints", "resources", "groups", "autoscaler_tags", "node_config", "user_data")


def ask(tofu, folder, variables):
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    for arguments in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false"]):
        subprocess.run([tofu, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    answer = subprocess.run([tofu, "output", "-json", "all"], cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def comparable(name, value):
    """User data is text; the two write the same YAML differently."""
    if name != "user_data":
        return value
    head, _, document = value.partition("\n\n--node\n")
    fields, _, body = document.partition("\n\n")
    return head, fields, yaml.safe_load(body.partition("\n--node--")[0])


def main(tofu):
    module = ROOT / "manifests/aws/modules/pool"
    for name, pool in Repository.load().pools.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for file in ("variables.tf", "node_template.tf"):
                (folder / file).write_text((module / file).read_text())
            fields = "\n".join(f"    {each} = local.{each}" for each in NAMES)
            (folder / "output.tf").write_text(f'output "all" {{\n  value = {{\n{fields}\n  }}\n}}\n')
            real = ask(tofu, folder, pool.module.variables)
        for each in NAMES:
            ours = comparable(each, pool.module.local(each))
            if ours != comparable(each, real[each]):
                sys.exit(f"{name}: {each}: tofu says {real[each]!r}, we say {ours!r}")
        print(f"{name}: {len(NAMES)} locals agree")


if __name__ == "__main__":
    main(sys.argv[1])
