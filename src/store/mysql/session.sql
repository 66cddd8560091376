-- In: a new connection. Out: one that reads what is committed, takes nothing for granted that the server's
-- configuration may say otherwise, and holds no lock for long. {milliseconds} is the time of one SELECT, {lock} how many
-- seconds a lock is waited for, {idle} how many the server waits for a client's next word.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = {lock}, wait_timeout = {idle}
    -- MySQL and TiDB. MariaDB's max_statement_time is for writes, too, and a DELETE that it ends may pass for one that
    -- found nothing, with the rest of its transaction going on: it must be off, whatever the server's is. Only MariaDB and newer TiDB know how long a transaction may idle.
    /*!50708 , max_execution_time = {milliseconds} */
    /*M!100103 , max_statement_time = 0, idle_transaction_timeout = 2 */
