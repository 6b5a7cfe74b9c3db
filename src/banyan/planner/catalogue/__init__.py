"""What can be rented, at which price, of which day and from which source.

`prices.csv` holds machines, `items.toml` all else (storage, traffic, CDN, managed services, backups, domain,
monitoring, local hosts, discounts, exchange rates). A price without a day, or older than 90 days, is stale;
`verified` is whether it was read from the seller's own data.
"""
