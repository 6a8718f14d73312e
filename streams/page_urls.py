"""The path of the page."""

from django.urls import path

from streams.page import page

urlpatterns = [path("", page, name="page")]
