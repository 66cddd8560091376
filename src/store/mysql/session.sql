-- In: a new connection. Out: a session that reads committed data, depends on no setting of the server's
-- configuration, and holds no lock for long. {milliseconds} is the timeout of a SELECT, {lock} the lock wait
-- timeout in seconds, and {idle} how many seconds the server waits for the client's next statement.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = {lock}, wait_timeout = {idle}
    -- MySQL and TiDB. MariaDB's max_statement_time must be off, whatever the server's setting, because it
    -- applies to writes, too: a DELETE that it aborts may look like one that found nothing, and the rest of the
    -- transaction would go on. Only MariaDB and newer TiDB can limit how long a transaction may idle.
    /*!50708 , max_execution_time = {milliseconds} */
    /*M!100103 , max_statement_time = 0, idle_transaction_timeout = 2 */
