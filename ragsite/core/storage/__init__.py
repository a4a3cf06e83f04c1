"""Where blobs lie: as files of this machine, or in a bucket that speaks S3. Both stand behind Django's `STORAGES`."""
