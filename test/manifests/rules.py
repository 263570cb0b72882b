"""What must hold in manifests/ and hpa-examples/ and no validator sees. Each rule yields a sentence for every fault.

Every rule has at least one fault in test_rules.py that it must catch.
"""
import collections
import math
import re

import yaml
from repository import quantity, tags

RULES = {}

TEMPLATE = "k8s.io/cluster-autoscaler/node-template/"

# vCPU, MiB and GPUs by EC2 type.
SHAPES = {
    "t3.medium": (2, 4096, 0), "t3a.medium": (2, 4096, 0),
    "c5.xlarge": (4, 8192, 0), "c5a.xlarge": (4, 8192, 0), "c6i.xlarge": (4, 8192, 0), "c7i.xlarge": (4, 8192, 0),
    "c5.2xlarge": (8, 16384, 0), "c5a.2xlarge": (8, 16384, 0), "c6i.2xlarge": (8, 16384, 0), "c7i.2xlarge": (8, 16384, 0),
    "g4dn.xlarge": (4, 16384, 1),
}
PROMISED = {"small": "t3.medium", "executor": "c5.xlarge", "large": "c5.2xlarge", "gpu": "g4dn.xlarge"}
# What EKS leaves of the first type of each pool (Karpenter's instance-type reference: the same formula as the AMI's).
ALLOCATABLE = {"small": ("1930m", "3246Mi", 17), "executor": ("3920m", "6584Mi", 58), "large": ("7910m", "14162Mi", 58), "gpu": ("3920m", "14481Mi", 29)}
DAEMONSETS = {"cpu": 0.2, "memory": 256 * 2**20}  # kube-proxy, aws-node and agents, rounded up.


def rule(check):
    RULES[check.__name__] = check
    return check


def groups(repository):
    return [(f"{name}-{kind}", group, pool) for name, pool in repository.pools.items() for kind, group in pool.groups.items()]


def distribution(group):
    return group["mixed_instances_policy"][0]["instances_distribution"][0]


def overrides(group):
    return group["mixed_instances_policy"][0]["launch_template"][0].get("override", [])


# --- Terraform: what AWS refuses, or takes and does not mean -------------------------------------------------------------


@rule
def groups_launch_from_the_mixed_policy_alone(repository):
    for name, group, _ in groups(repository):
        if {"launch_template", "launch_configuration"} & group.keys():
            yield f"{name}: a launch template beside a mixed policy is refused at apply, not at plan"


@rule
def groups_have_subnets(repository):
    for name, group, _ in groups(repository):
        if not group.get("vpc_zone_identifier"):
            yield f"{name}: AWS wants at least one subnet"


@rule
def spot_strategy_is_valid(repository):
    for name, group, _ in groups(repository):
        policy = distribution(group)
        if policy.get("spot_allocation_strategy") != "price-capacity-optimized":
            yield f"{name}: spot_allocation_strategy {policy.get('spot_allocation_strategy')}"
        if "spot_instance_pools" in policy:
            yield f"{name}: spot_instance_pools is only for lowest-price"


@rule
def each_pool_has_a_spot_and_an_on_demand_group(repository):
    for name, pool in repository.pools.items():
        found = {kind: distribution(group).get("on_demand_percentage_above_base_capacity", 100) for kind, group in pool.groups.items()}
        if found != {"spot": 0, "on-demand": 100}:
            yield f"{name}: On-Demand percentages {found} (left out it is 100: Spot is never asked for)"


@rule
def capacity_counts_nodes(repository):
    for name, group, _ in groups(repository):
        if any("weighted_capacity" in override for override in overrides(group)):
            yield f"{name}: Cluster Autoscaler reads weighted capacity as a number of nodes"


@rule
def types_of_a_pool_have_one_shape(repository):
    for name, pool in repository.pools.items():
        types = [override["instance_type"] for override in overrides(pool.groups["spot"])]
        if types[:1] != [PROMISED[name]]:
            yield f"{name}: the first type must be {PROMISED[name]}, Cluster Autoscaler judges by it"
        if len({SHAPES[each] for each in types}) != 1:
            yield f"{name}: {types} are of several shapes"


@rule
def aws_does_not_end_busy_nodes(repository):
    for name, group, _ in groups(repository):
        if "AZRebalance" not in group.get("suspended_processes", []):
            yield f"{name}: AZRebalance ends busy nodes"
        for setting in ("max_instance_lifetime", "capacity_rebalance"):
            if group.get(setting):
                yield f"{name}: {setting} ends busy nodes"


@rule
def terraform_leaves_the_size_to_the_autoscaler(repository):
    for name, pool in repository.pools.items():
        block = pool.module.block("resource", "aws_autoscaling_group", "nodes")
        lifecycle = next(inner for inner in block.blocks if inner.kind == "lifecycle")
        ignored = pool.module.evaluate(lifecycle.attributes["ignore_changes"], {}) if "ignore_changes" in lifecycle.attributes else []
        if "${desired_capacity}" not in ignored or "desired_capacity" in block.attributes:
            yield f"{name}: every apply would reset the number of nodes"
        for kind, group in pool.groups.items():
            if (group["min_size"], group["max_size"]) != (0, 20):
                yield f"{name}-{kind}: 0..20 promised, found {group['min_size']}..{group['max_size']}"


@rule
def nodes_are_hardened(repository):
    for name, pool in repository.pools.items():
        metadata = pool.template.get("metadata_options", [{}])[0]
        if metadata.get("http_tokens") != "required" or metadata.get("http_put_response_hop_limit") != 1:
            yield f"{name}: IMDSv2 with hop limit 1 is not required"
        for disk in pool.template.get("block_device_mappings", [{"ebs": [{}]}]):
            ebs = disk["ebs"][0]
            if (ebs.get("volume_type"), ebs.get("volume_size"), ebs.get("encrypted")) != ("gp3", 100, True):
                yield f"{name}: root volume is not 100 GiB of encrypted gp3"
        for needed in ("image_id", "iam_instance_profile", "vpc_security_group_ids"):
            if not pool.template.get(needed):
                yield f"{name}: launch template without {needed}"
        if "instance_market_options" in pool.template:
            yield f"{name}: Spot belongs into the mixed policy, not into the template"


@rule
def node_config_is_complete(repository):
    for name, pool in repository.pools.items():
        if pool.node_config.get("apiVersion") != "node.eks.aws/v1alpha1" or pool.node_config.get("kind") != "NodeConfig":
            yield f"{name}: user data is not a NodeConfig"
        missing = {"name", "apiServerEndpoint", "certificateAuthority", "cidr"} - pool.node_config["spec"]["cluster"].keys()
        if missing:
            yield f"{name}: NodeConfig lacks {sorted(missing)}; nodeadm does not ask EKS for them"


@rule
def gpu_nodes_get_the_nvidia_image(repository):
    for name, pool in repository.pools.items():
        expected = "ami-nvidia" if SHAPES[PROMISED[name]][2] else "ami-standard"
        if pool.template["image_id"] != expected:
            yield f"{name}: image {pool.template['image_id']}, expected {expected}"


@rule
def the_autoscaler_may_only_resize_its_own_groups(repository):
    statements = repository.root.expand("data", "aws_iam_policy_document", "cluster_autoscaler")[None]["statement"]
    allowed = {action for statement in statements for action in statement["actions"]}
    needed = {
        "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeScalingActivities", "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetInstanceTypesFromInstanceRequirements", "eks:DescribeNodegroup",
        "autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup",
    }
    if allowed != needed:
        yield f"actions differ from what Cluster Autoscaler calls: {sorted(allowed ^ needed)}"
    for statement in statements:
        writes = [action for action in statement["actions"] if not re.search(":(Describe|Get)", action)]
        conditions = {(each["variable"], *each["values"]) for each in statement.get("condition", [])}
        if writes and ("aws:ResourceTag/k8s.io/cluster-autoscaler/evaluation", "owned") not in conditions:
            yield f"{writes} on groups of others"


@rule
def nodes_may_join(repository):
    entries = repository.root.expand("resource", "aws_eks_access_entry", "node")
    if [entry["type"] for entry in entries.values()] != ["EC2_LINUX"]:
        yield "no access entry of type EC2_LINUX for the node role"


# --- Terraform and Cluster Autoscaler: scaling from zero ---------------------------------------------------------------------


@rule
def tags_say_what_the_kubelet_says(repository):
    for name, group, pool in groups(repository):
        if tags(group, TEMPLATE + "label/") != pool.flag_labels:
            yield f"{name}: label tags {tags(group, TEMPLATE + 'label/')} but --node-labels {pool.flag_labels}"
        if tags(group, TEMPLATE + "taint/") != pool.flag_taints:
            yield f"{name}: taint tags {tags(group, TEMPLATE + 'taint/')} but --register-with-taints {pool.flag_taints}"


@rule
def every_pool_is_labelled_and_tainted_by_its_name(repository):
    for name, pool in repository.pools.items():
        if pool.flag_labels.get("queue-metrics.dev/pool") != name or pool.flag_taints.get("dedicated") != f"{name}:NoSchedule":
            yield f"{name}: labels {pool.flag_labels}, taints {pool.flag_taints}"
        for key in pool.flag_labels:
            if re.search(r"(^|\.)(kubernetes|k8s)\.io/", key):
                yield f"{name}: a kubelet may not set {key} on itself"


@rule
def tags_say_what_a_node_leaves_to_pods(repository):
    for name, group, pool in groups(repository):
        found = tags(group, TEMPLATE + "resources/")
        cpu, memory, pods = ALLOCATABLE[name.split("-")[0]]
        if (found.get("cpu"), found.get("memory"), found.get("pods")) != (cpu, memory, str(pods)):
            yield f"{name}: {found}; without the true numbers Cluster Autoscaler buys too few nodes, then more"
        disk = pool.template["block_device_mappings"][0]["ebs"][0]["volume_size"]
        if not 0 < quantity(found.get("ephemeral-storage", 0)) <= (0.9 * disk - 1) * 2**30:
            yield f"{name}: ephemeral-storage {found.get('ephemeral-storage')} of a {disk} GiB disk"
        if int(found.get("nvidia.com/gpu", 0)) != SHAPES[PROMISED[name.split("-")[0]]][2]:
            yield f"{name}: nvidia.com/gpu {found.get('nvidia.com/gpu')}"


@rule
def gpu_nodes_are_waited_for(repository):
    for name, group, pool in groups(repository):
        if SHAPES[PROMISED[name.split("-")[0]]][2]:
            key, value = "k8s.amazonaws.com/accelerator", "nvidia-tesla-t4"
            if pool.flag_labels.get(key) != value or tags(group, TEMPLATE + "label/").get(key) != value:
                yield f"{name}: without {key}={value} a second node is bought before the first shows its GPU"


@rule
def every_group_says_when_its_nodes_go(repository):
    for name, group, _ in groups(repository):
        time = tags(group, TEMPLATE + "autoscaling-options/").get("scaledownunneededtime", "")
        if not re.fullmatch(r"[1-9]\d*[ms]", time):
            yield f"{name}: scaledownunneededtime {time!r}"


def autoscaler_flags(repository):
    container = repository.find("Deployment", "cluster-autoscaler")["spec"]["template"]["spec"]["containers"][0]
    return dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])


@rule
def the_autoscaler_finds_exactly_these_groups(repository):
    environment = dict(line.split("=", 1) for line in repository.files["manifests/cluster-autoscaler/cluster.env"].splitlines())
    wanted = autoscaler_flags(repository)["node-group-auto-discovery"].removeprefix("asg:tag=")
    wanted = set(wanted.replace("$(CLUSTER_NAME)", environment["CLUSTER_NAME"]).split(","))
    if environment["CLUSTER_NAME"] not in "".join(wanted):
        yield f"discovery {wanted} does not name the cluster"
    for name, group, _ in groups(repository):
        if not wanted <= tags(group).keys():
            yield f"{name}: not discovered, lacks {sorted(wanted - tags(group).keys())}"


@rule
def spot_is_asked_before_on_demand(repository):
    if not autoscaler_flags(repository).get("expander", "").startswith("priority,least-waste"):
        yield "expander must be priority, then least-waste"
    priorities = yaml.safe_load(repository.find("ConfigMap", "cluster-autoscaler-priority-expander")["data"]["priorities"])

    def priority(name):
        return max((value for value, patterns in priorities.items() if any(re.search(pattern, name) for pattern in patterns)), default=-math.inf)

    for name, pool in repository.pools.items():
        spot, on_demand = (priority(pool.groups[kind]["name"]) for kind in ("spot", "on-demand"))
        if not spot > on_demand > -math.inf:
            yield f"{name}: spot {spot}, on-demand {on_demand}"


@rule
def the_autoscaler_scales_down_as_promised(repository):
    flags = autoscaler_flags(repository)
    promised = {"scale-down-unneeded-time": "5m", "scale-down-delay-after-add": "5m", "scale-down-delay-type-local": "true"}
    for flag, value in promised.items():
        if flags.get(flag) != value:
            yield f"--{flag}={flags.get(flag)}, promised {value}"
    graces = [template["spec"].get("terminationGracePeriodSeconds", 30) for _, _, template in repository.workers()]
    if int(flags["max-graceful-termination-sec"]) < max(graces):
        yield f"a drained pod gets {flags['max-graceful-termination-sec']} s, the longest grace is {max(graces)} s"


@rule
def lasting_things_stay_off_the_pools(repository):
    for kind, name in (("Deployment", "cluster-autoscaler"), ("StatefulSet", "redis")):
        spec = repository.find(kind, name)["spec"]["template"]["spec"]
        terms = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
        if {"key": "queue-metrics.dev/pool", "operator": "DoesNotExist"} not in [each for term in terms for each in term["matchExpressions"]]:
            yield f"{name} may land on a pool that goes to zero"


@rule
def the_autoscaler_may_read_what_it_simulates(repository):
    granted = collections.defaultdict(set)
    for kind in ("ClusterRole", "Role"):
        for entry in repository.find(kind, "cluster-autoscaler")["rules"]:
            for group in entry["apiGroups"]:
                for resource in entry["resources"]:
                    granted[group, resource] |= set(entry["verbs"])
    watched = {
        "": ["namespaces", "pods", "services", "replicationcontrollers", "persistentvolumeclaims", "persistentvolumes", "nodes"],
        "apps": ["daemonsets", "replicasets", "statefulsets"], "batch": ["jobs"], "policy": ["poddisruptionbudgets"],
        "storage.k8s.io": ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
        "resource.k8s.io": ["deviceclasses", "resourceslices", "resourceclaims"],
    }
    needed = {(group, resource): {"get", "list", "watch"} for group, resources in watched.items() for resource in resources}
    needed["", "nodes"] |= {"update"}
    needed["", "pods/eviction"] = {"create"}
    needed["", "events"] = {"create", "patch"}
    needed["coordination.k8s.io", "leases"] = {"create", "get", "update"}
    needed["", "configmaps"] = {"create", "get", "list", "watch", "update"}
    for key, verbs in needed.items():
        if verbs - granted[key]:
            yield f"{'/'.join(key)}: lacks {sorted(verbs - granted[key])}"
    if any("*" in (*key, *verbs) for key, verbs in granted.items()):
        yield "a wildcard in the autoscaler's role"


# --- Workers: they start from zero, fit, and are not killed at work ---------------------------------------------------------------


@rule
def nobody_but_the_hpa_sets_replicas(repository):
    for path, hpa, deployment in repository.autoscalers():
        if deployment is None:
            yield f"{path}: the HPA's Deployment is not beside it"
        elif "replicas" in deployment["spec"]:
            yield f"{path}: with `replicas` in the Deployment every apply fights the HPA, and 0 puts it to sleep for good"


@rule
def hpas_leave_and_reach_zero(repository):
    for path, hpa, _ in repository.autoscalers():
        spec = hpa["spec"]
        if spec.get("minReplicas") != 0:
            yield f"{path}: minReplicas {spec.get('minReplicas')}"
        if [metric["type"] for metric in spec["metrics"]] != ["External"]:
            yield f"{path}: a metric beside the queue keeps the last pod alive, or stops scaling down when it fails"
        up = spec.get("behavior", {}).get("scaleUp", {})
        if not any(policy["type"] == "Pods" and policy["value"] == spec["maxReplicas"] for policy in up.get("policies", [])):
            yield f"{path}: without a Pods policy of maxReplicas 0 stays 0, or grows in steps"
        if up.get("selectPolicy", "Max") != "Max" or up.get("stabilizationWindowSeconds") != 0 or str(up.get("tolerance")) != "0":
            yield f"{path}: scaling up must be at once and exact, is {up}"
    for path, kustomization in repository.of_kind("Kustomization"):
        for patch in kustomization.get("patches", []):
            values = {operation["path"]: operation["value"] for operation in yaml.safe_load(patch["patch"]) if "value" in operation}
            actions = values.get("/metadata/annotations", {}).get("zero.queue-metrics.dev/actions", "")
            if values.get("/spec/minReplicas", 0) > 0 and actions != "wake,sleep":
                yield f"{path}: what the HPA may not take to 0 must ask the server to"


@rule
def hpas_count_jobs_not_ratios(repository):
    for path, hpa, _ in repository.autoscalers():
        external = hpa["spec"]["metrics"][0].get("external", {})
        if external.get("metric", {}).get("name") != "redis_queue_length" or "queue" not in external["metric"].get("selector", {}).get("matchLabels", {}):
            yield f"{path}: the metric must be redis_queue_length of one queue"
        if external.get("target", {}).get("type") != "AverageValue":
            yield f"{path}: Value multiplies a backlog by the present size"


@rule
def hpas_scale_down_in_one_step_after_the_window(repository):
    for path, hpa, _ in repository.autoscalers():
        down = hpa["spec"].get("behavior", {}).get("scaleDown", {})
        if down.get("policies") != [{"type": "Percent", "value": 100, "periodSeconds": 15}] or not 0 < down.get("stabilizationWindowSeconds", 300) <= 300:
            yield f"{path}: {down}; one pod a minute makes ten pods take ten minutes more"


@rule
def the_hpa_reads_the_queue_its_workers_serve(repository):
    for path, hpa, deployment in repository.autoscalers():
        served = environment_of(deployment).get("QUEUE") if deployment else None
        asked = hpa["spec"]["metrics"][0].get("external", {}).get("metric", {}).get("selector", {}).get("matchLabels", {}).get("queue")
        if served and served != asked:
            yield f"{path}: workers serve {served}, the HPA reads {asked}"


def environment_of(workload):
    return {each["name"]: each.get("value") for each in workload["spec"]["template"]["spec"]["containers"][0].get("env", [])}


@rule
def maxima_agree(repository):
    largest = {deployment["spec"]["template"]["spec"]["nodeSelector"]["queue-metrics.dev/pool"]: hpa["spec"]["maxReplicas"]
               for _, hpa, deployment in repository.autoscalers()
               if deployment and "queue-metrics.dev/pool" in deployment["spec"]["template"]["spec"].get("nodeSelector", {})}
    for name, pool in repository.pools.items():
        nodes = math.ceil(pool.workers["max"] / pool.workers["per_node"])
        if largest.get(name) != pool.workers["max"]:
            yield f"{name}: maxReplicas {largest.get(name)}, Terraform's workers.max {pool.workers['max']}"
        for kind, group in pool.groups.items():
            if group["max_size"] < 2 * nodes:
                yield f"{name}-{kind}: {group['max_size']} nodes, a rollout needs {2 * nodes}"
        limit = repository.find("NodePool", name)["spec"].get("limits", {}).get("nodes", 0)
        if limit < 2 * nodes:
            yield f"{name}: Karpenter's limit {limit}, a rollout needs {2 * nodes}"


@rule
def workers_choose_a_pool_and_tolerate_its_taints(repository):
    for path, document, template in repository.workers():
        spec = template["spec"]
        pool = repository.pools[spec["nodeSelector"]["queue-metrics.dev/pool"]]
        if not spec["nodeSelector"].items() <= pool.flag_labels.items():
            yield f"{path} {document['kind']}: no node of the pool has {spec['nodeSelector']}"
        for key, taint in pool.flag_taints.items():
            value, effect = taint.split(":")
            if not any(tolerates(each, key, value, effect) for each in spec.get("tolerations", [])):
                yield f"{path} {document['kind']}: does not tolerate {key}={taint}"


def tolerates(toleration, key, value, effect):
    matches = toleration.get("operator", "Equal") == "Exists" or toleration.get("value", "") == value
    return toleration.get("key") == key and toleration.get("effect", effect) == effect and matches


@rule
def nobody_selects_an_instance_type(repository):
    for path, document in repository.documents:
        spec = document.get("spec", {}).get("template", {}).get("spec", {}) if document["kind"] != "NodePool" else {}
        if "instance-type" in str(spec.get("nodeSelector", "")) + str(spec.get("affinity", "")):
            yield f"{path}: the pool mixes types; select queue-metrics.dev/pool"


@rule
def as_many_workers_fit_a_node_as_promised(repository):
    for path, document, template in repository.workers():
        name = template["spec"]["nodeSelector"]["queue-metrics.dev/pool"]
        pool = repository.pools[name]
        room = {resource: quantity(amount) for resource, amount in tags(pool.groups["spot"], TEMPLATE + "resources/").items()}
        resources = template["spec"]["containers"][0].get("resources", {})
        requests = {**resources.get("limits", {}), **resources.get("requests", {})}
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{path} {document['kind']}: requests no CPU or memory"
            continue
        fit = math.floor(min((room.get(each, 0) - DAEMONSETS.get(each, 0)) / quantity(amount) for each, amount in requests.items()))
        if fit != pool.workers["per_node"]:
            yield f"{path} {document['kind']}: {fit} fit a {name} node, {pool.workers['per_node']} promised"
        for resource, amount in resources.get("limits", {}).items():
            if quantity(amount) > room.get(resource, 0):
                yield f"{path} {document['kind']}: limit {resource}={amount} is more than the node has"


@rule
def gpus_are_asked_for_in_limits(repository):
    for path, document, template in repository.workers():
        resources = template["spec"]["containers"][0].get("resources", {})
        on_gpu_pool = template["spec"]["nodeSelector"]["queue-metrics.dev/pool"] == "gpu"
        if on_gpu_pool != (str(resources.get("limits", {}).get("nvidia.com/gpu")) == "1"):
            yield f"{path} {document['kind']}: nvidia.com/gpu in limits: {resources.get('limits', {}).get('nvidia.com/gpu')}"


@rule
def workers_get_the_time_to_finish(repository):
    for path, document, template in repository.workers():
        if document["kind"] == "Deployment":
            longest = float(environment_of(document).get("JOB_TIMEOUT_SECONDS", "inf"))
            if template["spec"].get("terminationGracePeriodSeconds", 30) <= longest:
                yield f"{path}: grace {template['spec'].get('terminationGracePeriodSeconds', 30)} s, a job may take {longest} s"


@rule
def no_autoscaler_moves_a_busy_worker(repository):
    for path, document, template in repository.workers():
        annotations = template["metadata"].get("annotations", {})
        for key, value in (("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"), ("karpenter.sh/do-not-disrupt", "true")):
            if annotations.get(key) != value:
                yield f"{path} {document['kind']}: {key} is not {value!r}"


@rule
def every_worker_deployment_has_a_disruption_budget(repository):
    budgets = [document["spec"] for _, document in repository.of_kind("PodDisruptionBudget")]
    for path, document, template in repository.workers():
        if document["kind"] == "Deployment" and not any(
                budget["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items() and "maxUnavailable" in budget for budget in budgets):
            yield f"{path}: no PodDisruptionBudget covers it"


@rule
def no_selector_takes_another_workloads_pods(repository):
    owners = [(path, document, document["spec"]["template"]["metadata"]["labels"]) for path, document in repository.of_kind("Deployment", "StatefulSet", "DaemonSet", "Job")
              if document["spec"]["template"].get("metadata", {}).get("labels")]
    for path, document in repository.of_kind("Deployment", "StatefulSet", "DaemonSet", "PodDisruptionBudget"):
        wanted = document["spec"].get("selector", {}).get("matchLabels", {})
        taken = {(owner["kind"], owner["metadata"]["name"]) for _, owner, labels in owners if wanted.items() <= labels.items()}
        if len(taken) > 1:
            yield f"{path} {document['kind']}: selects pods of {sorted(taken)}; a disruption budget over a Job's pods allows no eviction at all"


@rule
def jobs_end(repository):
    for path, job in repository.of_kind("Job"):
        spec, pod = job["spec"], job["spec"]["template"]["spec"]
        for field in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "podFailurePolicy"):
            if field not in spec:
                yield f"{path}: without {field}"
        if pod.get("restartPolicy") != "Never":
            yield f"{path}: restartPolicy {pod.get('restartPolicy')}; podFailurePolicy needs Never"
        if not any(each["action"] == "Ignore" and each.get("onPodConditions") == [{"type": "DisruptionTarget"}]
                   for each in spec.get("podFailurePolicy", {}).get("rules", [])):
            yield f"{path}: a lost node would count as a failure"


@rule
def pods_are_restricted(repository):
    for path, document in repository.of_kind("Deployment", "StatefulSet", "DaemonSet", "Job"):
        spec = document["spec"]["template"]["spec"]
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities", {}).get("drop") != ["ALL"]:
                yield f"{path}: {container['name']} may gain privileges"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{path}: {container['name']} has a writable root file system"
            if not container.get("resources", {}).get("requests") or "memory" not in container["resources"].get("limits", {}):
                yield f"{path}: {container['name']} without requests and a memory limit"
        pod, first = spec.get("securityContext", {}), spec["containers"][0].get("securityContext", {})
        if document["kind"] != "DaemonSet":
            if not (pod.get("runAsNonRoot") or first.get("runAsNonRoot")):
                yield f"{path}: may run as root"
            if (pod.get("seccompProfile") or first.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
                yield f"{path}: no seccomp profile"


@rule
def selectors_match_their_pods(repository):
    for path, document in repository.of_kind("Deployment", "StatefulSet", "DaemonSet"):
        wanted = document["spec"].get("selector", {}).get("matchLabels", {})
        if not wanted or not wanted.items() <= document["spec"]["template"].get("metadata", {}).get("labels", {}).items():
            yield f"{path}: selector {wanted} does not match the template's labels"


@rule
def images_are_pinned(repository):
    for path, document in repository.documents:
        template = document.get("spec", {}).get("template", {}) if isinstance(document.get("spec"), dict) else {}
        for container in (template.get("spec") or {}).get("containers", []) or []:
            image = container.get("image", "")
            tag = image.rpartition("/")[2].partition(":")[2]
            if not tag or tag == "latest" or image.startswith("k8s.gcr.io/"):
                yield f"{path}: image {image!r}"


# --- Alternatives -----------------------------------------------------------------------------------------------------------------


@rule
def karpenter_offers_the_same_pools(repository):
    found = {document["metadata"]["name"]: document["spec"] for _, document in repository.of_kind("NodePool")}
    if found.keys() != repository.pools.keys():
        yield f"NodePools {sorted(found)}, pools {sorted(repository.pools)}"
    for name, pool in repository.pools.items():
        template, disruption = found[name]["template"], found[name]["disruption"]
        if template["metadata"]["labels"] != pool.flag_labels:
            yield f"{name}: labels {template['metadata']['labels']}"
        if {each["key"]: f"{each['value']}:{each['effect']}" for each in template["spec"]["taints"]} != pool.flag_taints:
            yield f"{name}: taints {template['spec']['taints']}"
        types = next(each["values"] for each in template["spec"]["requirements"] if each["key"] == "node.kubernetes.io/instance-type")
        if types != [override["instance_type"] for override in overrides(pool.groups["spot"])]:
            yield f"{name}: types {types}"
        if disruption["consolidationPolicy"] != "WhenEmpty" or {"nodes": "100%", "reasons": ["Empty"]} not in disruption.get("budgets", []):
            yield f"{name}: {disruption}; the default budget removes 10 % at a time"


@rule
def headroom_is_an_executor_that_yields(repository):
    headroom = repository.find("Deployment", "executor-headroom")["spec"]["template"]["spec"]
    executor = repository.find("Deployment", "executor")["spec"]["template"]["spec"]
    if headroom["containers"][0]["resources"]["requests"] != executor["containers"][0]["resources"]["requests"]:
        yield "head-room of another size than an executor"
    for field in ("nodeSelector", "tolerations"):
        if headroom[field] != executor[field]:
            yield f"head-room with another {field}"
    if repository.find("PriorityClass", headroom["priorityClassName"])["value"] != -10:
        yield "above -1 it would not yield, below -10 no node is bought for it"


# --- All files --------------------------------------------------------------------------------------------------------------------


@rule
def nothing_belongs_to_one_account_or_skips_tls(repository):
    for path, text in repository.files.items():
        if re.search(r"(?<![\d.])\d{12}(?![\d.])", text):
            yield f"{path}: a hard-coded account"
        if re.search(r"insecureSkipTLSVerify:\s*true", text):
            yield f"{path}: insecureSkipTLSVerify"
        if path.endswith(".tf") and re.search(r'"(us|eu|ap|sa|ca|me|af)-[a-z]+-\d', text):
            yield f"{path}: a hard-coded region"


@rule
def every_example_says_what_it_shows_and_how_to_try_it(repository):
    for path, text in repository.files.items():
        if path.endswith(".yaml") and not path.startswith("manifests/server/"):
            head = [line for line in text.splitlines()[:4] if line.startswith("#")]
            if len(head) < 2 or not any("Try it:" in line for line in head):
                yield f"{path}: does not open with what it shows and `Try it:`"
