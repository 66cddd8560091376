-- In: a new connection. Out: one that reads what is committed, takes nothing for granted that the server's
-- configuration may say otherwise, and holds no lock for long. {milliseconds} and {seconds} are one statement's time,
-- {idle} is how long the server waits for a client's next word.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 1, wait_timeout = {idle}
    -- MySQL and TiDB
    /*!50708 , max_execution_time = {milliseconds} */
    -- MariaDB
    /*M!100103 , max_statement_time = {seconds} */
