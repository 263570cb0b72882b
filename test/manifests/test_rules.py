"""Every rule holds for the files as they are, and catches the faults it is there for."""
import pytest
from repository import Repository
from rules import RULES

AWS, POOL = "manifests/aws", "manifests/aws/modules/pool"
AUTOSCALER = "manifests/cluster-autoscaler"
EXECUTOR, EVALUATIONS = "hpa-examples/executor", "hpa-examples/evaluations"

# rule, file, text there, the fault in its place
FAULTS = [
    ("groups_launch_from_the_mixed_policy_alone", f"{POOL}/main.tf", "  mixed_instances_policy {",
     "  launch_template {\n    id = aws_launch_template.node.id\n  }\n\n  mixed_instances_policy {"),
    ("groups_have_subnets", f"{POOL}/main.tf", "  vpc_zone_identifier = var.subnet_ids\n", ""),
    ("spot_strategy_is_valid", f"{POOL}/main.tf", '= "price-capacity-optimized"', '= "capacity-optimized"\n      spot_instance_pools = 3'),
    ("spot_strategy_is_valid", f"{POOL}/main.tf", '"price-capacity-optimized"', '"cheapest"'),
    ("each_pool_has_a_spot_and_an_on_demand_group", f"{POOL}/main.tf",
     "      on_demand_percentage_above_base_capacity = each.value.on_demand_percentage\n", ""),
    ("each_pool_has_a_spot_and_an_on_demand_group", f"{POOL}/node_template.tf", "    on-demand = { on_demand_percentage = 100, min_size = 0 }\n", ""),
    ("capacity_counts_nodes", f"{POOL}/main.tf", "instance_type = override.value", 'instance_type = override.value\n          weighted_capacity = "2"'),
    ("types_of_a_pool_have_one_shape", f"{AWS}/pools.tf", '"c5.xlarge", "c5a.xlarge"', '"c5.xlarge", "c5.2xlarge"'),
    ("types_of_a_pool_have_one_shape", f"{AWS}/pools.tf", '"c5.xlarge", "c5a.xlarge"', '"c5a.xlarge", "c5.xlarge"'),
    ("aws_does_not_end_busy_nodes", f"{POOL}/main.tf", 'suspended_processes = ["AZRebalance"]', "suspended_processes = []"),
    ("aws_does_not_end_busy_nodes", f"{POOL}/main.tf", "  lifecycle {", "  max_instance_lifetime = 86400\n\n  lifecycle {"),
    ("terraform_leaves_the_size_to_the_autoscaler", f"{POOL}/main.tf", "ignore_changes = [desired_capacity]", "ignore_changes = []"),
    ("terraform_leaves_the_size_to_the_autoscaler", f"{POOL}/main.tf", "each.value.min_size", "1"),
    ("nodes_are_hardened", f"{POOL}/main.tf", '= "required"', '= "optional"'),
    ("nodes_are_hardened", f"{POOL}/main.tf", "hop_limit = 1", "hop_limit = 2"),
    ("nodes_are_hardened", f"{POOL}/main.tf", "encrypted             = true", "encrypted             = false"),
    ("nodes_are_hardened", f"{POOL}/main.tf", '"gp3"', '"gp2"'),
    ("nodes_are_hardened", f"{POOL}/main.tf", "  vpc_security_group_ids = var.security_group_ids\n", ""),
    ("node_config_is_complete", f"{POOL}/node_template.tf", "        cidr                 = var.cluster.service_cidr\n", ""),
    ("gpu_nodes_get_the_nvidia_image", f"{AWS}/pools.tf", '"nvidia"', '"standard"'),
    ("the_autoscaler_may_only_resize_its_own_groups", f"{AWS}/cluster_autoscaler.tf", '      values   = ["owned"]\n', '      values   = ["*"]\n'),
    ("the_autoscaler_may_only_resize_its_own_groups", f"{AWS}/cluster_autoscaler.tf", '"autoscaling:SetDesiredCapacity"', '"autoscaling:*"'),
    ("nodes_may_join", f"{AWS}/nodes.tf", '"EC2_LINUX"', '"STANDARD"'),
    ("tags_say_what_the_kubelet_says", f"{POOL}/node_template.tf", "for key, taint in local.taints : \"k8s.io", "for key, taint in var.extra_taints : \"k8s.io"),
    ("tags_say_what_the_kubelet_says", f"{POOL}/node_template.tf", "for key, value in local.labels : \"${key}=", "for key, value in var.extra_labels : \"${key}="),
    ("every_pool_is_labelled_and_tainted_by_its_name", f"{POOL}/node_template.tf", '"queue-metrics.dev/pool" = var.name', '"node-role.kubernetes.io/pool" = var.name'),
    ("every_pool_is_labelled_and_tainted_by_its_name", f"{POOL}/node_template.tf", 'dedicated = { value = var.name, effect = "NoSchedule" }', ""),
    ("tags_say_what_a_node_leaves_to_pods", f"{AWS}/pools.tf", 'cpu = "3920m", memory = "6584Mi"', 'cpu = "4", memory = "8Gi"'),
    ("tags_say_what_a_node_leaves_to_pods", f"{POOL}/node_template.tf", '{ "ephemeral-storage" = "${floor(var.disk_gib * 0.85)}Gi" }', "{}"),
    ("tags_say_what_a_node_leaves_to_pods", f"{AWS}/pools.tf", ', "nvidia.com/gpu" = "1"', ""),
    ("gpu_nodes_are_waited_for", f"{AWS}/pools.tf", '{ "k8s.amazonaws.com/accelerator" = "nvidia-tesla-t4" }', "{}"),
    ("every_group_says_when_its_nodes_go", f"{AWS}/pools.tf", '"5m"', '"5 minutes"'),
    ("the_autoscaler_finds_exactly_these_groups", f"{AUTOSCALER}/cluster.env", "evaluation", "production"),
    ("the_autoscaler_finds_exactly_these_groups", f"{AUTOSCALER}/deployment.yaml", ",k8s.io/cluster-autoscaler/$(CLUSTER_NAME)", ""),
    ("the_autoscaler_finds_exactly_these_groups", f"{POOL}/node_template.tf", '"k8s.io/cluster-autoscaler/enabled"', '"k8s.io/cluster-autoscaler/enable"'),
    ("spot_is_asked_before_on_demand", f"{AUTOSCALER}/priority-expander.yaml", ".*-spot$", ".*-spots$"),
    ("spot_is_asked_before_on_demand", f"{AUTOSCALER}/deployment.yaml", "priority,least-waste", "least-waste"),
    ("the_autoscaler_scales_down_as_promised", f"{AUTOSCALER}/deployment.yaml", "--scale-down-unneeded-time=5m", "--scale-down-unneeded-time=10m"),
    ("the_autoscaler_scales_down_as_promised", f"{AUTOSCALER}/deployment.yaml", "termination-sec=3600", "termination-sec=600"),
    ("lasting_things_stay_off_the_pools", f"{AUTOSCALER}/deployment.yaml", "operator: DoesNotExist", "operator: Exists"),
    ("the_autoscaler_may_read_what_it_simulates", f"{AUTOSCALER}/rbac.yaml", ", volumeattachments", ""),
    ("the_autoscaler_may_read_what_it_simulates", f"{AUTOSCALER}/rbac.yaml", "verbs: [get, list, watch, patch]", 'verbs: ["*"]'),
    ("nobody_but_the_hpa_sets_replicas", f"{EXECUTOR}/deployment.yaml", "spec:\n  # No", "spec:\n  replicas: 0\n  # No"),
    ("hpas_leave_and_reach_zero", f"{EXECUTOR}/hpa.yaml", "minReplicas: 0", "minReplicas: 1"),
    ("hpas_leave_and_reach_zero", f"{EXECUTOR}-before-1.37/kustomization.yaml", '"wake,sleep"', '"wake"'),
    ("hpas_leave_and_reach_zero", f"{EXECUTOR}/hpa.yaml", "{type: Pods, value: 10, ", "{type: Percent, value: 100, "),
    ("hpas_leave_and_reach_zero", f"{EXECUTOR}/hpa.yaml", "stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 30"),
    ("hpas_leave_and_reach_zero", f"{EXECUTOR}/hpa.yaml", "  behavior:",
     "    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 20}}}\n  behavior:"),
    ("hpas_count_jobs_not_ratios", f"{EXECUTOR}/hpa.yaml", '{type: AverageValue, averageValue: "1"}', '{type: Value, value: "1"}'),
    ("hpas_scale_down_in_one_step_after_the_window", f"{EXECUTOR}/hpa.yaml", "{type: Percent, value: 100, periodSeconds: 15}", "{type: Pods, value: 1, periodSeconds: 60}"),
    ("the_hpa_reads_the_queue_its_workers_serve", f"{EXECUTOR}/hpa.yaml", "queue: evaluation-jobs", "queue: evaluations"),
    ("maxima_agree", f"{EXECUTOR}/hpa.yaml", "maxReplicas: 10", "maxReplicas: 50"),
    ("maxima_agree", f"{POOL}/variables.tf", "default     = 20", "default     = 10"),
    ("maxima_agree", "manifests/karpenter/nodepools.yaml", "limits: {nodes: 20}", "limits: {nodes: 5}"),
    ("workers_choose_a_pool_and_tolerate_its_taints", f"{EXECUTOR}/deployment.yaml", "      tolerations: [{key: dedicated, operator: Equal, value: executor, effect: NoSchedule}]\n", ""),
    ("workers_choose_a_pool_and_tolerate_its_taints", f"{EVALUATIONS}/gpu/job.yaml", "        - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n", ""),
    ("workers_choose_a_pool_and_tolerate_its_taints", f"{EVALUATIONS}/gpu/job.yaml", "nvidia-tesla-t4", "nvidia-tesla-v100"),
    ("nobody_selects_an_instance_type", f"{EXECUTOR}/deployment.yaml", "nodeSelector: {", "nodeSelector: {node.kubernetes.io/instance-type: c5.xlarge, "),
    ("as_many_workers_fit_a_node_as_promised", f"{EVALUATIONS}/gpu/job.yaml", 'requests: {cpu: "3"', 'requests: {cpu: "4"'),
    ("as_many_workers_fit_a_node_as_promised", f"{EXECUTOR}/deployment.yaml", 'requests: {cpu: "2", memory: 4Gi', 'requests: {cpu: "1", memory: 2Gi'),
    ("as_many_workers_fit_a_node_as_promised", f"{EXECUTOR}/deployment.yaml", "memory: 6Gi", "memory: 7Gi"),
    ("gpus_are_asked_for_in_limits", f"{EVALUATIONS}/gpu/job.yaml", ", nvidia.com/gpu: 1}", "}"),
    ("workers_get_the_time_to_finish", f"{EXECUTOR}/deployment.yaml", "terminationGracePeriodSeconds: 3600", "terminationGracePeriodSeconds: 30"),
    ("no_autoscaler_moves_a_busy_worker", f"{EXECUTOR}/deployment.yaml", 'safe-to-evict: "false"', 'safe-to-evict: "true"'),
    ("no_autoscaler_moves_a_busy_worker", f"{EVALUATIONS}/small/job.yaml", '        karpenter.sh/do-not-disrupt: "true"\n', ""),
    ("every_worker_deployment_has_a_disruption_budget", f"{EXECUTOR}/pdb.yaml", "name: executor}", "name: executors}"),
    ("no_selector_takes_another_workloads_pods", f"{EVALUATIONS}/small/job.yaml", "small-evaluation-job}", "small-evaluation}"),
    ("jobs_end", f"{EVALUATIONS}/large/job.yaml", "  ttlSecondsAfterFinished: 600\n", ""),
    ("jobs_end", f"{EVALUATIONS}/large/job.yaml", "restartPolicy: Never", "restartPolicy: OnFailure"),
    ("jobs_end", f"{EVALUATIONS}/large/job.yaml", "type: DisruptionTarget", "type: Ready"),
    ("pods_are_restricted", f"{EXECUTOR}/deployment.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    ("pods_are_restricted", f"{EXECUTOR}/deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
    ("selectors_match_their_pods", f"{AUTOSCALER}/deployment.yaml", "    matchLabels: {app.kubernetes.io/name: cluster-autoscaler}", "    matchLabels: {app: cluster-autoscaler}"),
    ("images_are_pinned", f"{EXECUTOR}/deployment.yaml", "executor:1.0.0", "executor"),
    ("images_are_pinned", f"{AUTOSCALER}/deployment.yaml", "v1.36.1", "latest"),
    ("images_are_pinned", f"{AUTOSCALER}/deployment.yaml", "registry.k8s.io", "k8s.gcr.io"),
    ("karpenter_offers_the_same_pools", "manifests/karpenter/nodepools.yaml", "value: executor", "value: executors"),
    ("karpenter_offers_the_same_pools", "manifests/karpenter/nodepools.yaml", "    budgets: [{nodes: 100%, reasons: [Empty]}]", "    budgets: [{nodes: 10%}]"),
    ("headroom_is_an_executor_that_yields", "manifests/prewarmed/headroom.yaml", "memory: 4Gi, ephemeral-storage", "memory: 2Gi, ephemeral-storage"),
    ("headroom_is_an_executor_that_yields", "manifests/prewarmed/headroom.yaml", "value: -10", "value: -11"),
    ("nothing_belongs_to_one_account_or_skips_tls", f"{AUTOSCALER}/rbac.yaml", "eks.amazonaws.com/role-arn.", "arn:aws:iam::123456789012:role/x"),
    ("nothing_belongs_to_one_account_or_skips_tls", f"{AUTOSCALER}/cluster.env", "AWS_REGION", "insecureSkipTLSVerify: true\nAWS_REGION"),
    ("every_example_says_what_it_shows_and_how_to_try_it", f"{EXECUTOR}/hpa.yaml", "# Try it:", "# Try:"),
]

REPOSITORY = Repository.load()


@pytest.mark.parametrize("name", RULES)
def test_rule_holds(name):
    assert list(RULES[name](REPOSITORY)) == []


@pytest.mark.parametrize("name, path, old, new", FAULTS, ids=[f"{fault[0]}-{index}" for index, fault in enumerate(FAULTS)])
def test_rule_catches_fault(name, path, old, new):
    assert list(RULES[name](REPOSITORY.changed(path, old, new)))


def test_every_rule_is_seen_to_fail():
    assert RULES.keys() == {name for name, *_ in FAULTS}
