"""Every manifest of ours is one that a real kube-apiserver accepts."""

from pathlib import Path

import pytest
import yaml

from installation import ROOT
from programs import wait_until

FOLDERS = [ROOT / "manifests", ROOT / "hpa-examples"]
# Their resource definitions come with the programs that own them, which are not here.
FOREIGN_GROUPS = {"cert-manager.io", "karpenter.sh", "karpenter.k8s.aws"}

kustomizations = sorted(
    file.parent
    for folder in FOLDERS
    for file in folder.rglob("kustomization.yaml")
    if yaml.safe_load(file.read_text())["kind"] == "Kustomization"
)
lone_files = sorted(
    file
    for folder in FOLDERS
    for file in folder.rglob("*.yaml")
    if file.name != "kustomization.yaml"
    and (not (listing := file.parent / "kustomization.yaml").exists() or file.name not in str(yaml.safe_load(listing.read_text())))
)

# Without those that build on others.
COMPONENTS = ("configuration", "mounted-certificate", "spare-busy", "wake")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def group_of(obj: dict) -> str:
    return obj["apiVersion"].rpartition("/")[0]


def render(cluster, folder: Path) -> list[dict]:
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", folder)))


def check_accepted(cluster, objects: list[dict]) -> None:
    known = [obj for obj in objects if group_of(obj) not in FOREIGN_GROUPS]
    if known:
        cluster.apply(known, "--dry-run=server", "--warnings-as-errors")


@pytest.fixture(scope="module")
def namespaces(cluster, server):
    """A dry run makes no namespace, so the objects in it would be refused."""
    cluster.kubectl("apply", "-k", ROOT / "hpa-examples/namespace")


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("folder", kustomizations, ids=name_of)
def test_a_kustomization_is_accepted(cluster, folder):
    objects = render(cluster, folder)
    assert objects
    check_accepted(cluster, objects)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("file", lone_files, ids=name_of)
def test_a_lone_file_is_accepted(cluster, file):
    check_accepted(cluster, list(yaml.safe_load_all(file.read_text())))


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("components", [(name,) for name in COMPONENTS] + [COMPONENTS, COMPONENTS[::-1]], ids=" ".join)
def test_components_fit_on_the_base_alone_and_together(cluster, directory, components):
    overlay = directory / "-".join(["components", *components])
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "resources: [../../../manifests/server/base]\n"
        f"components: [{', '.join(f'../../../manifests/server/components/{name}' for name in components)}]\n"
    )
    check_accepted(cluster, render(cluster, overlay))


def test_the_servers_pods_are_admitted_and_hold_nothing_but_their_token(cluster, server):
    def pods():
        return cluster.get("pods", "-n", "queue-metrics", "-l", "app.kubernetes.io/name=queue-metrics-server")["items"]

    two = wait_until("two pods under the restricted Pod Security standard", pods, lambda found: len(found) == 2)
    for pod in two:
        (volume,) = pod["spec"]["volumes"]
        assert volume["name"].startswith("kube-api-access-")


def test_cert_manager_makes_what_the_deployment_and_the_api_service_need(cluster, directory):
    overlay = directory / "cert-manager"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "resources: [../../../manifests/server/base]\ncomponents: [../../../manifests/server/components/cert-manager]\n"
    )
    objects = render(cluster, overlay)
    check_accepted(cluster, objects)

    def the(kind: str, name: str) -> dict:
        (found,) = (obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name))
        return found

    api_service = the("APIService", "v1beta1.external.metrics.k8s.io")
    namespace, _, name = api_service["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].partition("/")
    certificate = the("Certificate", name)
    service = api_service["spec"]["service"]
    assert certificate["metadata"]["namespace"] == namespace
    assert f"{service['name']}.{service['namespace']}.svc" in certificate["spec"]["dnsNames"]
    volumes = the("Deployment", "queue-metrics-server")["spec"]["template"]["spec"]["volumes"]
    assert certificate["spec"]["secretName"] in [volume.get("secret", {}).get("secretName") for volume in volumes]
    assert not [obj for obj in objects if obj["kind"] in ("Secret", "Role")], "the server may write what cert-manager writes"
    issuer = the("Issuer", certificate["spec"]["issuerRef"]["name"])
    ca = next(obj for obj in objects if obj["kind"] == "Certificate" and obj["spec"]["secretName"] == issuer["spec"]["ca"]["secretName"])
    assert ca["spec"]["isCA"]
    assert "selfSigned" in the("Issuer", ca["spec"]["issuerRef"]["name"])["spec"]
