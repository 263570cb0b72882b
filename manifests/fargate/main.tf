# The Fargate profile that takes the executors, and only them. EKS makes the access entry for its role by itself.
# Try it: tofu init && tofu apply -var cluster_name=CLUSTER -var 'subnet_ids=["subnet-..."]'
variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets with a way out to the image registry; Fargate refuses public ones."
  type        = list(string)
}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["eks-fargate-pods.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "pod_execution" {
  name               = "${var.cluster_name}-fargate-executor"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "pod_execution" {
  role       = aws_iam_role.pod_execution.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonEKSFargatePodExecutionRolePolicy"
}

resource "aws_eks_fargate_profile" "executor" {
  cluster_name           = var.cluster_name
  fargate_profile_name   = "executor"
  pod_execution_role_arn = aws_iam_role.pod_execution.arn
  subnet_ids             = var.subnet_ids

  selector {
    namespace = "evaluation"
    labels    = { "queue-metrics.dev/fargate" = "executor" }
  }

  depends_on = [aws_iam_role_policy_attachment.pod_execution]
}
