"""A store of many partitions: on a cluster, or with queues that are spread. Decision 0013 says why."""
