"""The paths of replays below /api/v1/."""

from django.urls import path

from recordings.replay import views

urlpatterns = [
    path("replays/", views.ReplaysView.as_view(), name="replays"),
    path("replays/<slug:pk>/", views.ReplayView.as_view(), name="replay"),
]
