from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Pin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "exchange",
                    models.CharField(help_text="the exchange's code, e.g. binance", max_length=32),
                ),
                (
                    "symbol",
                    models.CharField(help_text="any spelling of the market, e.g. BTC-USDT", max_length=128),
                ),
                (
                    "stream",
                    models.CharField(help_text="trade, ticker, depth, depth_10, candle_1m …", max_length=32),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("note", models.CharField(blank=True, max_length=200)),
            ],
            options={"ordering": ["exchange", "symbol", "stream"]},
        ),
        migrations.AddConstraint(
            model_name="pin",
            constraint=models.UniqueConstraint(fields=("exchange", "symbol", "stream"), name="one_pin_a_topic"),
        ),
    ]
