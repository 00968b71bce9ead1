-- Makes the database of a LAN Chat server and the account that the server uses, on MySQL 8 or newer or MariaDB 10.6 or
-- newer. `lanchat-server init-db --database URL --admin-url URL` runs exactly these statements and then makes the tables.
-- By hand: replace the four names in braces, run it as an administrator, then start the server or run init-db with the
-- account made here. It may be repeated.
--
-- {database}  the database's name, in backquotes
-- {pattern}   the same name, where GRANT takes it: _ and % with a backslash before them
-- {account}   'user'@'host', once for each address that the server connects from
-- {password}  in quotes

CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {password};

ALTER USER {account} IDENTIFIED BY {password};

-- Running needs the first line, migrations the other two (CREATE, ALTER, DROP, INDEX, REFERENCES for tables, CREATE VIEW
-- and SHOW VIEW for the view `messages`). On this database only; nothing on the server as a whole.
GRANT SELECT, INSERT, UPDATE, DELETE,
      CREATE, ALTER, DROP, INDEX, REFERENCES,
      CREATE VIEW, SHOW VIEW
   ON {pattern}.* TO {account};
