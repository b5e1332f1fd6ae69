"""What MySQL's grants mean for one table."""

import pytest

from recon_assets.dialect.privileges import mysql_held, show_grants

GRANTS = [
    ("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*B6'", {"USAGE"}),
    ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", {"ALL PRIVILEGES"}),
    ("GRANT SELECT, CREATE TEMPORARY TABLES ON `shop_1`.* TO `loader`", {"SELECT", "CREATE TEMPORARY TABLES"}),
    ("GRANT SELECT ON `shop%`.* TO `u`@`%`", {"SELECT"}),
    (r"GRANT SELECT ON `shop\_1`.* TO `u`@`%`", {"SELECT"}),
    (r"GRANT SELECT ON `shop\_2`.* TO `u`@`%`", set()),
    ("GRANT SELECT, INSERT (`id`, `v`), DELETE ON `shop_1`.`t``x` TO `u`@`%`", {"SELECT", "DELETE"}),
    ("GRANT SELECT ON `shopX1`.`t``x` TO `u`@`%`", set()),
    ("GRANT SELECT ON `shop_1`.`t` TO `u`@`%`", set()),
    ("GRANT `loader`@`%` TO `u`@`%`", set()),
    ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", set()),
]


@pytest.mark.parametrize(("grant", "held"), GRANTS)
def test_grants_are_read_as_the_server_means_them(grant: str, held: set[str]) -> None:
    """On everything, a database or a pattern of such, or a table; those of single columns are of no use here."""
    assert mysql_held([grant], "shop_1", "t`x") == held


def test_roles_of_mysql_are_asked_for() -> None:
    """MariaDB tells of them anyway."""
    assert str(show_grants("`a`@`%`")) == "SHOW GRANTS FOR CURRENT_USER() USING `a`@`%`"
    assert str(show_grants()) == "SHOW GRANTS"
