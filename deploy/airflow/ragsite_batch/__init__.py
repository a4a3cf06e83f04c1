"""What the DAGs do, as plain functions over ragsite's client. Nothing but `door` knows of Airflow."""
