locals {
  cluster_autoscaler = { namespace = "kube-system", service_account = "cluster-autoscaler" }
  use_pod_identity   = var.cluster_autoscaler_identity == "pod-identity"
  use_irsa           = var.cluster_autoscaler_identity == "irsa"
  oidc_issuer        = try(trimprefix(data.aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://"), "")
}

data "aws_iam_policy_document" "cluster_autoscaler_trust" {
  dynamic "statement" {
    for_each = local.use_pod_identity ? [1] : []

    content {
      actions = ["sts:AssumeRole", "sts:TagSession"]

      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.use_irsa ? [1] : []

    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = ["arn:${data.aws_arn.cluster.partition}:iam::${data.aws_arn.cluster.account}:oidc-provider/${local.oidc_issuer}"]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.oidc_issuer}:sub"
        values   = ["system:serviceaccount:${local.cluster_autoscaler.namespace}:${local.cluster_autoscaler.service_account}"]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.oidc_issuer}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }
}

data "aws_iam_policy_document" "cluster_autoscaler" {
  statement {
    sid = "SeeGroups" # None of these can be limited to a resource.

    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
      "eks:DescribeNodegroup",
    ]

    resources = ["*"]
  }

  statement {
    sid     = "ResizeOwnGroups"
    actions = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]

    resources = [
      "arn:${data.aws_arn.cluster.partition}:autoscaling:${data.aws_arn.cluster.region}:${data.aws_arn.cluster.account}:autoScalingGroup:*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster_name}"
      values   = ["owned"]
    }
  }
}

resource "aws_iam_role" "cluster_autoscaler" {
  count = var.cluster_autoscaler_identity == "none" ? 0 : 1

  name               = "${var.cluster_name}-cluster-autoscaler"
  assume_role_policy = data.aws_iam_policy_document.cluster_autoscaler_trust.json
}

resource "aws_iam_role_policy" "cluster_autoscaler" {
  count = var.cluster_autoscaler_identity == "none" ? 0 : 1

  name   = "cluster-autoscaler"
  role   = aws_iam_role.cluster_autoscaler[0].name
  policy = data.aws_iam_policy_document.cluster_autoscaler.json
}

resource "aws_eks_pod_identity_association" "cluster_autoscaler" {
  count = local.use_pod_identity ? 1 : 0

  cluster_name    = data.aws_eks_cluster.this.name
  namespace       = local.cluster_autoscaler.namespace
  service_account = local.cluster_autoscaler.service_account
  role_arn        = aws_iam_role.cluster_autoscaler[0].arn
}
