"""What all checks share: findings, evidence, criteria, the verdict, and the checks without operations of their own."""
