create database lectern_directory;
create database lectern_shard_0;
create database lectern_shard_1;
create database lectern_shard_2;
create database lectern_shard_3;
