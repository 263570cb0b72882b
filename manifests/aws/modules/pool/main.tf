resource "aws_launch_template" "node" {
  name                   = "${var.cluster.name}-${var.name}"
  image_id               = var.image_id
  user_data              = base64encode(local.user_data)
  vpc_security_group_ids = var.security_group_ids
  update_default_version = true

  iam_instance_profile {
    name = var.instance_profile
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # Pods get no credentials of the node.
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value

      tags = {
        Name                                        = "${var.cluster.name}-${var.name}"
        "kubernetes.io/cluster/${var.cluster.name}" = "owned"
      }
    }
  }
}

# Two groups for one pool: an Auto Scaling group never falls back from Spot to On-Demand by itself, Cluster Autoscaler's priority expander does.
resource "aws_autoscaling_group" "nodes" {
  for_each = local.groups

  name                = "${var.cluster.name}-${var.name}-${each.key}"
  min_size            = each.value.min_size
  max_size            = var.max_size
  vpc_zone_identifier = var.subnet_ids
  suspended_processes = ["AZRebalance"] # It would terminate busy nodes to even out the zones.

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 0
      on_demand_percentage_above_base_capacity = each.value.on_demand_percentage
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.node.id
        version            = aws_launch_template.node.latest_version
      }

      dynamic "override" {
        for_each = var.instance_types

        content {
          instance_type = override.value
        }
      }
    }
  }

  dynamic "tag" {
    for_each = local.autoscaler_tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity] # Cluster Autoscaler's.

    precondition {
      # Twice, because executors that finish their last job still hold their nodes while a rollout's new ones look for theirs.
      condition     = var.max_size >= 2 * ceil(var.workers.max / var.workers.per_node)
      error_message = "Pool ${var.name}: ${var.max_size} nodes cannot hold ${var.workers.max} workers twice at ${var.workers.per_node} per node."
    }
  }
}
