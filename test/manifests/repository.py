"""The manifests as the rules see them: every file's text, its YAML documents, and the pools the Terraform describes."""
import base64
import functools
import pathlib
from types import SimpleNamespace

import hcl
import yaml

ROOT = pathlib.Path(__file__).parents[2]

# What AWS would answer about the cluster; the values only have to be told apart.
DATA = {
    "aws_eks_cluster.this": {
        "name": "evaluation",
        "arn": "arn:aws:eks:eu-west-1:account:cluster/evaluation",
        "version": "1.36",
        "endpoint": "https://cluster.example",
        "certificate_authority": [{"data": "Q0E="}],
        "vpc_config": [{"subnet_ids": ["subnet-a", "subnet-b"], "cluster_security_group_id": "sg-cluster"}],
        "kubernetes_network_config": [{"service_ipv4_cidr": "10.100.0.0/16"}],
        "identity": [{"oidc": [{"issuer": "https://oidc.example/id"}]}],
    },
    "aws_arn.cluster": {"partition": "aws", "region": "eu-west-1", "account": "account"},
    "aws_ssm_parameter.image_id": {"standard": {"value": "ami-standard"}, "nvidia": {"value": "ami-nvidia"}},
}


class Repository:
    def __init__(self, files):
        self.files = files

    @classmethod
    def load(cls):
        return cls({
            str(path.relative_to(ROOT)): path.read_text()
            for folder in ("manifests", "hpa-examples")
            for path in sorted((ROOT / folder).rglob("*"))
            if path.suffix in (".yaml", ".tf", ".tfvars", ".env", ".py", ".md") and ".terraform" not in path.parts
        })

    def changed(self, path, old, new):
        """A copy with one edit, for the tests of the rules."""
        text = self.files[path]
        if old not in text:
            raise ValueError(f"{path} does not contain {old!r}")
        return Repository({**self.files, path: text.replace(old, new)})

    @functools.cached_property
    def documents(self):
        """(path, document) of every Kubernetes object."""
        return [
            (path, document)
            for path, text in self.files.items() if path.endswith(".yaml")
            for document in _parse(text) if document and "kind" in document
        ]

    def of_kind(self, *kinds):
        return [(path, document) for path, document in self.documents if document["kind"] in kinds]

    def find(self, kind, name):
        return next(document for _, document in self.of_kind(kind) if document["metadata"]["name"] == name)

    @functools.cached_property
    def root(self):
        return hcl.Module(self.files, "manifests/aws", data=DATA)

    @functools.cached_property
    def pools(self):
        """Name -> the pool as AWS and the kubelet would get it."""
        return {name: _pool(module) for name, module in self.root.call("pool").items()}

    def workers(self):
        """(path, object, pod template) of everything that runs on a pool: Deployments and Jobs with a pool's nodeSelector."""
        return [
            (path, document, document["spec"]["template"])
            for path, document in self.of_kind("Deployment", "Job")
            if "queue-metrics.dev/pool" in document["spec"]["template"]["spec"].get("nodeSelector", {})
            and document["metadata"]["name"] != "executor-headroom"
        ]

    def autoscalers(self):
        """(path, HPA, its Deployment) of every example."""
        deployments = {(path.rpartition("/")[0], document["metadata"]["name"]): document for path, document in self.of_kind("Deployment")}
        return [
            (path, hpa, deployments.get((path.rpartition("/")[0], hpa["spec"]["scaleTargetRef"]["name"])))
            for path, hpa in self.of_kind("HorizontalPodAutoscaler")
        ]


@functools.lru_cache(maxsize=None)
def _parse(text):
    return list(yaml.safe_load_all(text))


def _pool(module):
    template = module.expand("resource", "aws_launch_template", "node")[None]
    groups = module.expand("resource", "aws_autoscaling_group", "nodes")
    node_config = yaml.safe_load(base64.b64decode(template["user_data"]).decode().split("--node\n")[1].split("\n\n", 1)[1].split("\n--node")[0])
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in node_config["spec"]["kubelet"]["flags"])
    return SimpleNamespace(
        module=module,
        template=template,
        groups=groups,
        node_config=node_config,
        flag_labels=dict(pair.split("=", 1) for pair in flags.get("node-labels", "").split(",") if pair),
        flag_taints=dict(pair.split("=", 1) for pair in flags.get("register-with-taints", "").split(",") if pair),
        workers=module.variable("workers"),
    )


def tags(group, prefix=""):
    """The group's tags whose keys begin with `prefix`, without it."""
    return {tag["key"].removeprefix(prefix): tag["value"] for tag in group.get("tag", []) if tag["key"].startswith(prefix)}


def quantity(text):
    """A Kubernetes quantity as a number: "500m" -> 0.5, "4Gi" -> 4294967296."""
    text = str(text)
    for suffix, factor in (("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30), ("m", 0.001)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)
