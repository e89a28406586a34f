"""A store of many partitions: on a cluster, or with queues that are spread. Decision 0018 says why."""
